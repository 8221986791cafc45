"""Wall-clock time as text (RFC 3339, UTC): to the second for Events, finer for the log."""

import time
from datetime import UTC, datetime


def now() -> str:
    """Return the time to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Timestamps:
    """Tells the time to the millisecond; the part that rarely changes is written once a second."""

    def __init__(self) -> None:
        self._second = -1
        self._text = ""

    def __call__(self) -> str:
        """Return the time."""
        second, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
        if second != self._second:
            self._second = second
            self._text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        return f"{self._text}.{nanoseconds // 1_000_000:03d}Z"
