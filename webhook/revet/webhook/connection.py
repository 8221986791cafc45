"""One HTTP/1.1 connection of the admission port: httptools parses it, and here are its limits.

Apart from a server for applications, since half of a review's CPU would go there:
docs/adr/0004-no-router-on-the-doors.md. One request at a time is read, answered, and then the next.
"""

import asyncio
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final, Protocol, cast

import httptools

from revet.webhook.exchange import Admitted, Answer, Head, RefusedError, Reply, refuse_whole

#: A 1 MB Deployment makes a 3.1 MB review on update: old and new object, and managedFields.
MAX_BODY_BYTES: Final = 8 * 1024 * 1024
_MAX_HEAD_BYTES: Final = 16 * 1024
#: What a review of nearly every object is below; only some larger ones are read at once.
_SMALL_BODY_BYTES: Final = 256 * 1024
#: So long a head may take.
_HEAD_S: Final = 10.0
#: Longer than Go's client keeps a connection, so that none ends while a review is on its way to us.
_IDLE_S: Final = 120.0
#: So long who is refused may send on: an end in the middle of that could take our answer with it.
_LINGER_S: Final = 2.0
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


class Host(Protocol):
    """Whose connection it is."""

    @property
    def is_draining(self) -> bool:
        """Whether each answer asks the caller to connect anew."""

    @property
    def date(self) -> str:
        """The Date of an answer."""

    def admit(self, head: Head) -> Admitted:
        """Let a request in, or raise RefusedError."""

    def note_refusal(self, status: HTTPStatus) -> None:
        """Count an answer that is none to a review."""

    async def enter_large(self) -> None:
        """Wait until there is room for a large body."""

    def leave_large(self) -> None:
        """Give that room back."""

    def fail(self, error: Exception) -> None:
        """Tell of an error in ourselves."""

    def opened(self, connection: "Connection") -> None:
        """Take note of a new connection."""

    def closed(self, connection: "Connection") -> None:
        """Forget a connection."""


@dataclass(slots=True)
class _Request:
    """What has come of a request."""

    target: bytes = b""
    content_type: bytes = b""
    length: int | None = None
    expects: bool = False
    admitted: Admitted | None = None
    body: list[bytes] = field(default_factory=list)
    size: int = 0
    head_bytes: int = 0
    arrived: float = 0.0
    keeps: bool = True


class Connection(asyncio.Protocol):
    """Reads a request, has it answered, and reads the next."""

    def __init__(self, host: Host, loop: asyncio.AbstractEventLoop) -> None:
        self._host = host
        self._loop = loop
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport
        self._answering: asyncio.Task[None] | None = None
        self._entering: asyncio.Task[None] | None = None
        self._is_large = self._ends = False
        #: By when something has to come, on the event loop's clock; while we answer, nothing has.
        self.due = 0.0
        self._rest()

    @property
    def is_idle(self) -> bool:
        """Whether nothing of a request has come since the last answer."""
        return not self._request.head_bytes and self._answering is None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, after the TLS handshake."""
        self._transport = cast("asyncio.Transport", transport)
        self._host.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """End; what is being answered is answered for the log alone."""
        del exc
        self._ends = True
        self._leave_large()
        self._host.closed(self)

    def pause_writing(self) -> None:
        """Read no more from who does not take our answers."""
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """Read on."""
        self._transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        """Parse what has come."""
        if self._ends:
            return  # refused: it is waited for, and not read
        if self._request.admitted is None:
            if not self._request.head_bytes:
                self.due = self._loop.time() + _HEAD_S
            self._request.head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._refuse(RefusedError(HTTPStatus.BAD_REQUEST, f"not HTTP/1.1 as served: {error}"))
        if self._request.admitted is None and self._request.head_bytes > _MAX_HEAD_BYTES:
            text = f"the head is over {_MAX_HEAD_BYTES} bytes"
            self._refuse(RefusedError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, text))

    def on_message_begin(self) -> None:
        """Begin a request; who does not wait for an answer gets that one and no more."""
        if self._answering is not None:
            self._ends = True

    def on_url(self, part: bytes) -> None:
        """Take the target, or a part of it."""
        self._request.target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take what is read of the head."""
        match name.lower():
            case b"content-type":
                self._request.content_type = value
            case b"content-length":
                self._request.length = int(value)
            case b"expect":
                self._request.expects = value.lower() == b"100-continue"

    def on_headers_complete(self) -> None:
        """Have the request let in, or refuse it before its body has come."""
        if self._ends:
            return
        request = self._request
        method = self._parser.get_method().decode("ascii")
        content_type = request.content_type.decode("latin-1").partition(";")[0].strip().lower()
        try:
            head = Head(method, request.target.decode("latin-1"), content_type)
            request.admitted = self._host.admit(head)
        except RefusedError as error:
            request.admitted = refuse_whole(error, _HEAD_S)
        request.arrived = self._loop.time()
        self.due = request.arrived + request.admitted.timeout_s
        if request.length is not None and request.length > MAX_BODY_BYTES:
            self._refuse(_too_large())
            return
        if request.expects:
            self._transport.write(_CONTINUE)
        if request.length is None or request.length > _SMALL_BODY_BYTES:
            self._transport.pause_reading()
            self._entering = self._loop.create_task(self._enter_large())

    def on_body(self, part: bytes) -> None:
        """Take a part of the body."""
        self._request.size += len(part)
        if self._request.size > MAX_BODY_BYTES:
            self._refuse(_too_large())
        elif not self._ends:
            self._request.body.append(part)

    def on_message_complete(self) -> None:
        """Have the request answered."""
        request = self._request
        if self._ends or request.admitted is None or self._answering is not None:
            return
        self._leave_large()
        body = request.body[0] if len(request.body) == 1 else b"".join(request.body)
        request.keeps = self._parser.should_keep_alive()
        self.due = float("inf")
        work = self._answer(request.admitted.answer, body)
        self._answering = self._loop.create_task(work)

    def expire(self) -> None:
        """Do what is due: refuse what is not whole, close what is idle, end what has ended."""
        if self._ends:
            self._transport.abort()
        elif self.is_idle:
            self.close()
        else:
            text = "the review did not arrive in time"
            self._refuse(RefusedError(HTTPStatus.REQUEST_TIMEOUT, text))

    def close(self) -> None:
        """Close, when what is written already has been taken."""
        self._ends = True
        self.due = self._loop.time() + _LINGER_S
        self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        self._transport.abort()

    async def _answer(self, answer: Answer, body: bytes) -> None:
        try:
            reply = await answer(body, self._request.arrived)
        except RefusedError as error:
            reply = error.reply
        except Exception as error:  # noqa: BLE001 -- whatever it is, the caller must not hang
            self._host.fail(error)
            reply = RefusedError(HTTPStatus.INTERNAL_SERVER_ERROR, "an error inside of Revet").reply
        keeps = self._request.keeps and not self._ends and not self._host.is_draining
        self._write(reply, keeps=keeps)
        self._answering = None
        if keeps:
            self._rest()
        else:
            self.close()

    def _refuse(self, error: RefusedError) -> None:
        """Answer before the whole request is here; then nothing more of it is read."""
        ended, self._ends = self._ends, True
        if ended or self._answering is not None:
            return
        self._write(error.reply, keeps=False)
        self._leave_large()
        self.due = self._loop.time() + _LINGER_S

    def _write(self, reply: Reply, *, keeps: bool) -> None:
        status = reply.status
        if status is not HTTPStatus.OK:
            self._host.note_refusal(status)
        further = "" if keeps else "Connection: close\r\n"
        if status is HTTPStatus.METHOD_NOT_ALLOWED:
            further += "Allow: POST\r\n"
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: {reply.content_type}\r\n"
            f"Content-Length: {len(reply.body)}\r\nDate: {self._host.date}\r\n{further}\r\n"
        )
        self._transport.write(head.encode("latin-1") + reply.body)

    async def _enter_large(self) -> None:
        await self._host.enter_large()
        self._is_large = True
        self._entering = None
        self._transport.resume_reading()

    def _leave_large(self) -> None:
        """Give back the room that a large body took, or wait for it no more."""
        if self._entering is not None:
            self._entering.cancel()
            self._entering = None
            if not self._transport.is_closing():
                self._transport.resume_reading()
        if self._is_large:
            self._is_large = False
            self._host.leave_large()

    def _rest(self) -> None:
        """Know nothing of a request; the next one may take its time."""
        self._request = _Request()
        self.due = self._loop.time() + _IDLE_S


def _too_large() -> RefusedError:
    text = f"the review is over {MAX_BODY_BYTES} bytes"
    return RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, text)
