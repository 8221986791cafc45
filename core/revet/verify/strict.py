"""Reads JSON and base64 from strangers: one meaning or none, within bounds."""

import base64
import json
import re
from collections.abc import Iterable
from typing import Any, Final

from revet.verify.error import SignatureError

#: A statement, a bundle or a payload is at most this long.
MOST_BYTES: Final = 16 * 1024 * 1024
#: A bill of materials has a hundred thousand values; what it is wrapped in has a few.
MOST_VALUES: Final = 500_000
FEW_VALUES: Final = 20_000
_BEFORE_VALUES: Final = (b",", b"[", b"{")
_DEEPEST: Final = 64
# A text that has no end goes to the end: looked for again from each quote, it would take forever.
_BRACKETS: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)


def read_json(raw: bytes, what: str, most_values: int = MOST_VALUES) -> dict[str, Any]:
    """Read an object. Two readers must not see two things: no key twice, no NaN, only UTF-8."""
    if len(raw) > MOST_BYTES:
        raise SignatureError(f"{what} has {len(raw)} bytes, may have {MOST_BYTES}")
    # Each takes far more memory than bytes. Those in texts count, too: that is soon done.
    if sum(map(raw.count, _BEFORE_VALUES)) > most_values:
        raise SignatureError(f"{what} has more than {most_values} values")
    if _measure_depth(raw) > _DEEPEST:
        raise SignatureError(f"{what} is nested deeper than {_DEEPEST} levels")
    try:
        value = json.loads(
            raw.decode("utf-8"), object_pairs_hook=_take_pairs, parse_constant=_refuse_constant
        )
    except (ValueError, RecursionError) as error:
        raise SignatureError(f"{what} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise SignatureError(f"{what} is no JSON object")
    return value


def decode_base64(text: object, what: str) -> bytes:
    """Decode the one base64 form of some bytes: no junk, no line breaks, no other padding."""
    if not isinstance(text, str):
        raise SignatureError(f"{what} is not a text")
    try:
        decoded = base64.b64decode(text.encode("ascii"), validate=True)
    except ValueError as error:
        raise SignatureError(f"{what} is not base64: {error}") from error
    if base64.b64encode(decoded).decode() != text:
        raise SignatureError(f"{what} is not base64 in its one form")
    return decoded


def take(value: object, key: str, kind: type[Any], what: str) -> Any:  # noqa: ANN401 -- of `kind`
    """Take a field that must be there and of a type."""
    found = value.get(key) if isinstance(value, dict) else None
    if not isinstance(found, kind) or (isinstance(found, bool) and kind is not bool):
        raise SignatureError(f"{what} has no {key} that is of type {kind.__name__}")
    return found


def _measure_depth(raw: bytes) -> int:
    deepest = depth = 0
    for found in _BRACKETS.finditer(raw):
        if found[0] in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif found[0] in b"]}":
            depth -= 1
    return deepest


def _take_pairs(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    taken: dict[str, Any] = {}
    for key, value in pairs:
        if key in taken:
            raise ValueError(f"key {key!r} is there twice")
        taken[key] = value
    return taken


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
