"""A request and its answer as HTTP has them: what the doors and a connection say to each other."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import NamedTuple, TypeAlias


class Head(NamedTuple):
    """What a request asks for, before its body has come."""

    method: str
    target: str
    content_type: str


class Reply(NamedTuple):
    """What is answered."""

    body: bytes
    content_type: str = "application/json"
    status: HTTPStatus = HTTPStatus.OK


class RefusedError(Exception):
    """A request that is not answered as it wants; the text says why."""

    def __init__(self, status: HTTPStatus, text: str) -> None:
        super().__init__(text)
        self.reply = Reply(text.encode(), "text/plain; charset=utf-8", status)


Answer: TypeAlias = Callable[[bytes, float], Awaitable[Reply]]
"""Answers a body, of a request that arrived at this time of the event loop."""


class Admitted(NamedTuple):
    """How a request goes on: what answers it, once its body is here within so many seconds."""

    answer: Answer
    timeout_s: float


def refuse_whole(error: RefusedError, timeout_s: float) -> Admitted:
    """Let a request in only to refuse it once it is whole: then its connection can stay."""

    async def refuse(_body: bytes, _arrived: float) -> Reply:
        raise error

    return Admitted(refuse, timeout_s)
