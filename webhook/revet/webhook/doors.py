"""The webhook's doors: which paths are served, and how what comes there is answered."""

from functools import lru_cache, partial
from http import HTTPStatus
from typing import Final, NamedTuple
from urllib.parse import parse_qs

from revet.core.errors import ReviewError
from revet.core.render.webhook import FAIL_TIMEOUT_S, IGNORE_TIMEOUT_S
from revet.webhook.exchange import Admitted, Head, RefusedError, Reply
from revet.webhook.review import parse, parse_timeout, render
from revet.webhook.reviewer import Door, Reviewer
from revet.webhook.verdicts import Verdicts

#: We answer that long before the API server gives up on us.
MARGIN_S: Final = 1.5

_JSON: Final = "application/json"
_DOORS: Final = {door.value: door for door in Door}


class Doors:
    """Answers the API server's calls: `POST /validate/HASH`, `/mutate/`, `/audit/`, `/cluster/`.

    And the operator's, at `verdicts`.
    """

    def __init__(self, reviewer: Reviewer, verdicts: Verdicts | None = None) -> None:
        self._reviewer = reviewer
        self._verdicts = verdicts

    def admit(self, head: Head) -> Admitted:
        """Let a request in by its head.

        Raises:
            RefusedError: it asks for what is not served; the text says what is.

        """
        admitted = self._find(head.target)
        if head.method != "POST":
            raise RefusedError(HTTPStatus.METHOD_NOT_ALLOWED, "only POST")
        if head.content_type != _JSON:
            text = f"content type {head.content_type!r} must be {_JSON}"
            raise RefusedError(HTTPStatus.BAD_REQUEST, text)
        return admitted

    def _find(self, target: str) -> Admitted:
        if self._verdicts is not None and (admitted := self._verdicts.admit(target)):
            return admitted
        try:
            call = _read_target(target)
        except ReviewError as error:
            raise RefusedError(HTTPStatus.BAD_REQUEST, str(error)) from error
        return Admitted(partial(self._answer, call), call.timeout_s)

    async def _answer(self, call: "_Call", body: bytes, arrived: float) -> Reply:
        try:
            question = parse(body)
        except ReviewError as error:
            raise RefusedError(HTTPStatus.BAD_REQUEST, str(error)) from error
        deadline = arrived + max(call.timeout_s - MARGIN_S, 0)
        answer = await self._reviewer.answer(call.door, call.key, question, deadline)
        return Reply(render(answer))


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
        raise RefusedError(HTTPStatus.NOT_FOUND, f"{path!r} is not served, only {doors}")
    most_s = FAIL_TIMEOUT_S if door.fails_closed else IGNORE_TIMEOUT_S
    asked = parse_qs(query, keep_blank_values=True).get("timeout", [None])[0]
    return _Call(door, key, min(parse_timeout(asked, most_s), most_s))
