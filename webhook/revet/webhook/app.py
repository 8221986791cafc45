"""The webhook's HTTP: its doors and their limits.

The doors are served by aiohttp's low-level server: four fixed paths need no router, and an
AdmissionReview must cost little.
"""

import asyncio
from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import parse_qs

from aiohttp import StreamReader, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import RawRequestMessage

from revet.core.errors import ReviewError
from revet.core.render.webhook import FAIL_TIMEOUT_S, IGNORE_TIMEOUT_S
from revet.webhook.metrics import Metrics
from revet.webhook.review import parse, parse_timeout, render
from revet.webhook.reviewer import Door, Reviewer

#: A 1 MB Deployment makes a 3.1 MB review on update: old and new object, and managedFields.
MAX_BODY_BYTES: Final = 8 * 1024 * 1024
#: We answer that long before the API server gives up on us.
MARGIN_S: Final = 1.5

#: What a review of nearly every object is below, and how many larger ones are read at once.
_SMALL_BODY_BYTES: Final = 256 * 1024
_MOST_LARGE: Final = 8

_JSON: Final = "application/json"
_DOORS: Final = {door.value: door for door in Door}


class Doors:
    """Answers the API server's calls: `POST /validate/HASH`, `/mutate/`, `/audit/`, `/cluster/`."""

    def __init__(self, reviewer: Reviewer, metrics: Metrics) -> None:
        """Start open."""
        self._reviewer = reviewer
        self._metrics = metrics
        #: Whether no more should come: each answer then asks the caller to connect anew.
        self.draining = False
        self._large = asyncio.Semaphore(_MOST_LARGE)
        self._loop = asyncio.get_running_loop()

    def server(self) -> web.Server:
        """Make the server that these doors are in."""
        return web.Server(self._handle, request_factory=self._make_request)

    def _make_request(
        self,
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: web.RequestHandler,
        writer: AbstractStreamWriter,
        task: "asyncio.Task[None]",
    ) -> web.BaseRequest:
        return web.BaseRequest(
            message, payload, protocol, writer, task, self._loop, client_max_size=MAX_BODY_BYTES
        )

    async def _handle(self, request: web.BaseRequest) -> web.Response:
        response = await self._respond(request)
        if response.status != web.HTTPOk.status_code:
            self._metrics.refused_requests.labels(str(response.status)).inc()
        if self.draining:
            # The API server keeps connections; this moves it on to another replica.
            response.force_close()
        return response

    async def _respond(self, request: web.BaseRequest) -> web.Response:
        arrived = self._loop.time()
        try:
            call = _read_target(request.raw_path)
            if request.method != "POST":
                return web.Response(status=405, text="only POST", headers={"Allow": "POST"})
            if request.content_type != _JSON:
                raise ReviewError(f"content type {request.content_type!r} must be {_JSON}")
            question = parse(await self._read(request, call.timeout_s))
        except TimeoutError:
            return web.Response(status=408, text="the review did not arrive in time")
        except _NotServedError as error:
            return web.Response(status=404, text=str(error))
        except ReviewError as error:
            return web.Response(status=400, text=str(error))
        except web.HTTPRequestEntityTooLarge:
            return web.Response(status=413, text=f"the review is over {MAX_BODY_BYTES} bytes")
        deadline = arrived + max(call.timeout_s - MARGIN_S, 0)
        answer = await self._reviewer.answer(call.door, call.key, question, deadline)
        return web.Response(body=render(answer), content_type=_JSON)

    async def _read(self, request: web.BaseRequest, timeout_s: float) -> bytes:
        """Read the body; who sends slowly, or many large ones at once, must not fill our memory."""
        is_small = (request.content_length or MAX_BODY_BYTES) <= _SMALL_BODY_BYTES
        # It mostly came along with its headers, and then needs neither a wait nor a timer.
        if is_small and request.content.is_eof():
            return request.content.read_nowait()
        async with asyncio.timeout(timeout_s):
            if is_small:
                return await request.read()
            async with self._large:
                return await request.read()


class _NotServedError(Exception):
    """A path that leads to no door."""


class _Call(NamedTuple):
    """What the target of a request says: the door, the entry's hash, and how long we have."""

    door: Door
    key: str
    timeout_s: float


@lru_cache(maxsize=1024)  # the API server calls a few targets over and over
def _read_target(target: str) -> _Call:
    path, _, query = target.partition("?")
    name, _, key = path.removeprefix("/").partition("/")
    door = _DOORS.get(name)
    if door is None or not key or "/" in key:
        doors = ", ".join(f"/{each}/HASH" for each in _DOORS)
        raise _NotServedError(f"{path!r} is not served, only {doors}")
    most_s = FAIL_TIMEOUT_S if door.fails_closed else IGNORE_TIMEOUT_S
    asked = parse_qs(query, keep_blank_values=True).get("timeout", [None])[0]
    return _Call(door, key, min(parse_timeout(asked, most_s), most_s))
