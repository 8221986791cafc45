"""The log: one JSON object a line on standard output, for decisions and for everything else."""

import logging
from collections.abc import Callable
from typing import Any, BinaryIO

import msgspec


class Log:
    """Writes lines; each has `time` (RFC 3339, UTC), `event` and what belongs to it."""

    def __init__(self, stream: BinaryIO, timestamp: Callable[[], str]) -> None:
        """Write to `stream`, with the time as `timestamp` tells it."""
        self._stream = stream
        self._timestamp = timestamp
        self._encode = msgspec.json.Encoder().encode

    def write(self, event: str, **fields: Any) -> None:  # noqa: ANN401 -- JSON values of any kind
        """Write one line."""
        line = {"time": self._timestamp(), "event": event, **fields}
        self._stream.write(self._encode(line) + b"\n")
        self._stream.flush()

    def complain(self, message: str) -> None:
        """Write that something went wrong that the process goes on with."""
        self.write("error", message=message)


class LibraryHandler(logging.Handler):
    """Brings what libraries log into the same lines."""

    def __init__(self, log: Log) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record of a library, with its traceback."""
        trace = logging.Formatter().formatException(record.exc_info) if record.exc_info else None
        self._log.write(
            "library",
            level=record.levelname,
            logger=record.name,
            message=record.getMessage(),
            trace=trace,
        )
