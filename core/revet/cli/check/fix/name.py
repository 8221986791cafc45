"""A file's name in the head of a diff, as git writes it: no name can end its line."""

import os
from typing import Final

_SHORT: Final = {
    **{ord(char): f"\\{letter}" for char, letter in zip("\a\b\t\n\v\f\r", "abtnvfr", strict=True)},
    ord('"'): '\\"',
    ord("\\"): "\\\\",
}
_FIRST_PRINTABLE: Final = 0x20
_DELETE: Final = 0x7F


def quote(name: str) -> str:
    """Quote a name where it needs that; a tab ends one with spaces, as `patch` wants it."""
    data = os.fsencode(name)
    quoted = "".join(map(_write, data))
    if quoted != name:
        return f'"{quoted}"'
    return f"{name}\t" if " " in name else name


def _write(byte: int) -> str:
    if byte in _SHORT:
        return _SHORT[byte]
    return chr(byte) if _FIRST_PRINTABLE <= byte < _DELETE else f"\\{byte:03o}"
