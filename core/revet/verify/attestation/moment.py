"""Times and lengths of time, as policies and predicates write them."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

_DURATION: Final = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
# Python 3.11 takes at most six digits; scanners write nine.
_FRACTION: Final = re.compile(r"(\.\d{1,6})\d*")


def read_duration(text: str) -> timedelta:
    """Read what a policy's pattern has let in, such as 48h or 1h30m."""
    found = _DURATION.fullmatch(text)
    hours, minutes, seconds = (int(each or 0) for each in found.groups()) if found else (0, 0, 0)
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


def read_time(value: object) -> datetime | None:
    """Read RFC 3339, or a date; None where it is neither."""
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(_FRACTION.sub(r"\1", value))
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def write_time(when: datetime) -> str:
    """Write a time as messages have it."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def write_duration(length: timedelta) -> str:
    """Write a length of time, in hours where it is more than one."""
    seconds = int(length.total_seconds())
    return f"{seconds // 3600}h" if seconds >= 3600 else f"{seconds // 60}m"  # noqa: PLR2004
