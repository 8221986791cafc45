"""The log: one JSON object a line on standard output, for decisions and for everything else."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from traceback import format_exception
from typing import Any, BinaryIO

import msgspec


class Log:
    """Writes lines; each has `time` (RFC 3339, UTC), `event` and what belongs to it."""

    def __init__(
        self,
        stream: BinaryIO,
        timestamp: Callable[[], str],
        call_soon: Callable[[Callable[[], None]], object],
    ) -> None:
        """Write to `stream`, with the time as `timestamp` tells it.

        `call_soon` runs a function soon: the lines until then are written together.
        """
        self._stream = stream
        self.time = timestamp
        self._call_soon = call_soon
        self._encode = msgspec.json.Encoder().encode
        self._lines: list[bytes] = []

    def write(self, event: str, **fields: Any) -> None:  # noqa: ANN401 -- JSON values of any kind
        """Write one line."""
        self.write_line({"time": self.time(), "event": event, **fields})

    def write_line(self, line: msgspec.Struct | dict[str, Any]) -> None:
        """Write a line that has its `time` and `event` already."""
        if not self._lines:
            self._call_soon(self.flush)
        self._lines.append(self._encode(line))

    def complain(self, message: str) -> None:
        """Write that something went wrong that the process goes on with."""
        self.write("error", message=message)

    def fail(self, error: BaseException, **fields: Any) -> None:  # noqa: ANN401 -- as in write
        """Write that something failed that nobody foresaw, with its trace."""
        self.write("failed", **fields, trace="".join(format_exception(error)))

    def flush(self) -> None:
        """Write what waits; the process calls it last of all."""
        lines, self._lines = self._lines, []
        if lines:
            self._stream.write(b"\n".join((*lines, b"")))
            self._stream.flush()


class LibraryHandler(logging.Handler):
    """Brings what libraries log into the same lines, also from threads of their own."""

    def __init__(self, log: Log, loop: asyncio.AbstractEventLoop) -> None:
        """Write into the log of what runs on `loop`: no other thread may touch either."""
        super().__init__(logging.WARNING)
        self._log = log
        self._loop = loop

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record of a library, with its traceback."""
        trace = logging.Formatter().formatException(record.exc_info) if record.exc_info else None
        write = partial(
            self._log.write,
            "library",
            level=record.levelname,
            logger=record.name,
            message=record.getMessage(),
            trace=trace,
        )
        if _running_loop() is self._loop:
            write()
            return
        with suppress(RuntimeError):  # the loop has ended, and the log with it
            self._loop.call_soon_threadsafe(write)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    """Return the loop of this thread, if it has one."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
