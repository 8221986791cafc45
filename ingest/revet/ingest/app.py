"""The ingest's HTTP: who is let in, how much is read, and what is answered. It calls nobody.

Senders either give up at once or block on us, so an answer must come at once, whatever the API
server does: what was read waits in a bounded queue.
"""

import asyncio
import zlib
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Final

import msgspec
from aiohttp import StreamReader, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import RawRequestMessage

from revet.core.model.policy_runtime import Source
from revet.core.runtime.envelope import MEDIA_TYPES, TooManyError, split, split_lists
from revet.core.runtime.event import EventError, Kind, RuntimeEvent
from revet.core.runtime.falco import read_falco
from revet.core.runtime.feed import Loss
from revet.core.runtime.k8s_audit import read_k8s_audit
from revet.core.runtime.tetragon import read_tetragon
from revet.ingest.doorkeeper import Doorkeeper, RefusedError
from revet.ingest.handover import Handover
from revet.ingest.metrics import Metrics
from revet.ingest.senders import Sender
from revet.ingest.worker import Worker

_MIB: Final = 1024 * 1024
#: The API server sends up to 400 events of some kilobytes each at once.
MOST_BYTES: Final[Mapping[Source, int]] = {
    Source.FALCO: _MIB,
    Source.TETRAGON: _MIB,
    Source.K8S_AUDIT: 12 * _MIB,
}
_READ_S: Final = 10.0
_MOST_LARGE: Final = 4
_SMALL_BYTES: Final = 256 * 1024
_GZIP: Final = 31  # zlib's number for gzip with its header
_PREFIX: Final = "/v1/ingest/"
_HANDOVER: Final = "/v1/handover"
_READERS: Final[Mapping[Source, Callable[[bytes, float], RuntimeEvent]]] = {
    Source.FALCO: read_falco,
    Source.TETRAGON: read_tetragon,
    Source.K8S_AUDIT: read_k8s_audit,
}
_SOURCES: Final = {each.value: each for each in Source}


class _Taken(msgspec.Struct):
    """What is answered: how many events were taken in, and how many could not be read."""

    accepted: int
    malformed: int


class Doors:
    """Answers `POST /v1/ingest/SOURCE` and the operator's `GET /v1/handover`."""

    def __init__(
        self,
        doorkeeper: Doorkeeper,
        worker: Worker,
        handover: Handover,
        metrics: Metrics,
        clock: Callable[[], float],
    ) -> None:
        """Start open; `clock` gives seconds since the epoch."""
        self._doorkeeper = doorkeeper
        self._worker = worker
        self._handover = handover
        self._metrics = metrics
        self._clock = clock
        self._large = asyncio.Semaphore(_MOST_LARGE)
        self._loop = asyncio.get_running_loop()

    def server(self) -> web.Server:
        """Make the server that these doors are in."""
        # We decompress ourselves: by the library, a few bytes could fill our memory.
        return web.Server(self._handle, request_factory=self._make_request, auto_decompress=False)

    def _make_request(
        self,
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: web.RequestHandler,
        writer: AbstractStreamWriter,
        task: "asyncio.Task[None]",
    ) -> web.BaseRequest:
        most = max(MOST_BYTES.values())
        return web.BaseRequest(
            message, payload, protocol, writer, task, self._loop, client_max_size=most
        )

    async def _handle(self, request: web.BaseRequest) -> web.Response:
        path = request.raw_path.partition("?")[0]
        if path == _HANDOVER:
            return self._handover.answer(request)
        source = _SOURCES.get(path.removeprefix(_PREFIX)) if path.startswith(_PREFIX) else None
        if source is None:
            doors = ", ".join(f"{_PREFIX}{each}" for each in _SOURCES)
            return web.Response(status=404, text=f"not served here, only {doors}")
        response = await self._respond(source, request)
        self._metrics.count_request(source, response.status)
        return response

    async def _respond(self, source: Source, request: web.BaseRequest) -> web.Response:
        if request.method != "POST":
            return web.Response(status=405, text="only POST", headers={"Allow": "POST"})
        try:
            sender = self._admit(source, request)
            if request.headers.get("Expect", "").lower() == "100-continue":
                _let_continue(request)
            taken = self._take(source, sender, *await self._read(source, request))
        except RefusedError as error:
            headers = {"Retry-After": str(error.again_s)} if error.again_s else {}
            if error.status is HTTPStatus.UNAUTHORIZED:
                headers["WWW-Authenticate"] = "Bearer"
            response = web.Response(status=error.status, text=str(error), headers=headers)
            # What is left of the body would be read as the next request.
            response.force_close()
            return response
        return web.Response(
            status=202, body=msgspec.json.encode(taken), content_type="application/json"
        )

    def _admit(self, source: Source, request: web.BaseRequest) -> Sender:
        transport = request.transport
        shown = transport.get_extra_info("peercert") if transport is not None else None
        return self._doorkeeper.admit(source, shown, request.headers.get("Authorization", ""))

    async def _read(self, source: Source, request: web.BaseRequest) -> tuple[bytes, str]:
        """Read the body, as it was before it was compressed, and its type."""
        media_type = request.content_type
        if media_type not in MEDIA_TYPES:
            allowed = ", ".join(sorted(MEDIA_TYPES))
            raise RefusedError(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                f"content type {media_type!r} must be one of {allowed}",
            )
        encoding = request.headers.get("Content-Encoding", "identity").lower()
        if encoding not in {"identity", "gzip"}:
            raise RefusedError(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                f"content encoding {encoding!r} must be gzip, or none",
            )
        most = MOST_BYTES[source]
        try:
            body = await self._read_raw(request, most)
            if encoding == "gzip":
                body = decompress(body, most)
        except (web.HTTPRequestEntityTooLarge, OverflowError):
            self._worker.lose(source, Loss.TOO_LARGE)
            raise RefusedError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body is over {most} bytes"
            ) from None
        except zlib.error as error:
            raise RefusedError(HTTPStatus.BAD_REQUEST, f"the body is no gzip: {error}") from error
        except TimeoutError:
            raise RefusedError(
                HTTPStatus.REQUEST_TIMEOUT, f"the body did not come within {_READ_S:g} s"
            ) from None
        return body, media_type

    async def _read_raw(self, request: web.BaseRequest, most: int) -> bytes:
        if (request.content_length or 0) > most:
            raise OverflowError
        is_small = (request.content_length or most) <= _SMALL_BYTES
        if is_small and request.content.is_eof():
            return request.content.read_nowait()
        async with asyncio.timeout(_READ_S):
            if is_small:
                body = await request.read()
            else:
                async with self._large:
                    body = await request.read()
        if len(body) > most:
            raise OverflowError
        return body

    def _take(self, source: Source, sender: Sender, body: bytes, media_type: str) -> _Taken:
        """Read the events, and have them taken in: all, or none where there is no room."""
        now = self._clock()
        try:
            items = split(body, media_type)
            if source is Source.K8S_AUDIT:
                items = split_lists(items)
        except TooManyError as error:
            self._worker.lose(source, Loss.TOO_LARGE)
            raise RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, str(error)) from error
        except EventError as error:
            self._worker.lose(source, Loss.MALFORMED)
            raise RefusedError(HTTPStatus.BAD_REQUEST, str(error)) from error
        try:
            self._doorkeeper.charge(sender, len(items))
        except RefusedError:
            self._worker.lose(source, Loss.RATE_LIMIT, sender.node, len(items))
            raise
        events, problems = _parse(source, items, now)
        if items and not events:
            self._worker.lose(source, Loss.MALFORMED, sender.node, len(problems))
            raise RefusedError(HTTPStatus.BAD_REQUEST, problems[0])
        kept = self._bind(source, sender, events)
        if not self._worker.offer(kept):
            self._worker.lose(source, Loss.QUEUE_FULL, sender.node, len(kept))
            raise RefusedError(
                HTTPStatus.TOO_MANY_REQUESTS, "too many events wait already", again_s=2
            )
        if problems:
            self._worker.lose(source, Loss.MALFORMED, sender.node, len(problems))
        return _Taken(len(kept), len(problems))

    def _bind(
        self, source: Source, sender: Sender, events: list[RuntimeEvent]
    ) -> list[RuntimeEvent]:
        """Leave out what a sender says of another node than its own."""
        if not sender.node:
            return events
        kept = [
            msgspec.structs.replace(each, is_bound=True)
            for each in events
            if each.node == sender.node
        ]
        foreign = len(events) - len(kept)
        if foreign:
            self._worker.lose(source, Loss.MISMATCH, sender.node, foreign)
        if foreign and not kept:
            raise RefusedError(
                HTTPStatus.BAD_REQUEST,
                f"sender {sender.name} speaks for node {sender.node}, and for no other",
            )
        return kept


def _let_continue(request: web.BaseRequest) -> None:
    """Ask for the body: libcurl, and so Falco, waits a second for that where it is not small."""
    transport = request.transport
    if transport is not None:
        transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")


def _parse(source: Source, items: list[bytes], now: float) -> tuple[list[RuntimeEvent], list[str]]:
    read = _READERS[source]
    events: list[RuntimeEvent] = []
    problems: list[str] = []
    for item in items:
        try:
            events.append(read(item, now))
        except EventError as error:
            problems.append(str(error))
    if not items:
        # A list of nothing is a sign of life.
        events.append(RuntimeEvent(source=source, kind=Kind.ALIVE, at=now))
    return events, problems


def decompress(body: bytes, most: int) -> bytes:
    """Return what was compressed by gzip.

    Raises:
        OverflowError: it is more than `most` bytes.
        zlib.error: it is no gzip, or not all of it.

    """
    parts: list[bytes] = []
    left = most
    while body:
        stream = zlib.decompressobj(_GZIP)
        parts.append(stream.decompress(body, left + 1))
        left -= len(parts[-1])
        if left < 0:
            raise OverflowError
        if not stream.eof:
            raise zlib.error("it ends too early")
        body = stream.unused_data
    return b"".join(parts)
