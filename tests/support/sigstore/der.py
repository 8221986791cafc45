"""Writes DER, as much of it as certificates' extensions and timestamps need."""

from datetime import datetime
from typing import Final

SEQUENCE: Final = 0x30
SET: Final = 0x31
INTEGER: Final = 0x02
OCTETS: Final = 0x04
NULL: Final = b"\x05\x00"
_OID: Final = 0x06
_UTF8: Final = 0x0C
_TIME: Final = 0x18
_SHORT: Final = 0x80


def wrap(tag: int, *parts: bytes) -> bytes:
    """Write a value of a tag that holds other values, or bytes."""
    content = b"".join(parts)
    length = len(content)
    if length < _SHORT:
        return bytes([tag, length]) + content
    size = (length.bit_length() + 7) // 8
    return bytes([tag, _SHORT + size]) + length.to_bytes(size) + content


def sequence(*parts: bytes) -> bytes:
    """Write a sequence."""
    return wrap(SEQUENCE, *parts)


def octets(raw: bytes) -> bytes:
    """Write bytes."""
    return wrap(OCTETS, raw)


def integer(value: int) -> bytes:
    """Write a number that is not negative."""
    return wrap(INTEGER, value.to_bytes(value.bit_length() // 8 + 1))


def utf8(text: str) -> bytes:
    """Write a text."""
    return wrap(_UTF8, text.encode())


def generalized_time(when: datetime) -> bytes:
    """Write a time, to the second."""
    return wrap(_TIME, when.strftime("%Y%m%d%H%M%SZ").encode())


def oid(dotted: str) -> bytes:
    """Write an object identifier."""
    first, second, *rest = map(int, dotted.split("."))
    return wrap(_OID, *(_base128(each) for each in (first * 40 + second, *rest)))


def _base128(value: int) -> bytes:
    digits = [value & 0x7F]
    while value := value >> 7:
        digits.append(value & 0x7F | _SHORT)
    return bytes(reversed(digits))
