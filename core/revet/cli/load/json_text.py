"""JSON text to values with places; apart, since YAML knows no pairs of surrogates."""

import math
import re
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from json import JSONDecodeError, JSONDecoder
from typing import Any, Final, NoReturn

from revet.cli.load.places import Place, Places, TextError, Tree, pack
from revet.cli.load.scalar import as_json
from revet.cli.load.yaml_text import MAX_DEPTH
from revet.core.errors import ManifestError

_SPACE: Final = re.compile(r"[ \t\r\n]*")
_TOKEN: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+')
# A pair of surrogates is one character by then; each one alone is what Go makes of it.
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_MOST_DIGITS: Final = 400


class JSONError(TextError):
    """The text is not JSON at all; it may still be YAML."""


class _UnfitNumber(Exception):  # noqa: N818 -- never leaves this module
    """No float is that large."""


def read_json(text: str, first_line: int = 0) -> Iterator[Tree]:
    """Read values that stand one after another.

    Raises:
        JSONError: it is not JSON; `first_line` is added to its line.
        TextError: it is JSON that is not taken.

    """
    here = _end(_SPACE, text, 0)
    lines = _Lines(text, first_line)
    while here < len(text):
        try:
            value, end = _DECODER.raw_decode(text, here)
        except JSONDecodeError as error:
            raise JSONError(f"not JSON: {error.msg}", lines.place(error.pos)) from error
        except RecursionError as error:
            raise TextError(f"nested deeper than {MAX_DEPTH} levels", lines.place(here)) from error
        except _UnfitNumber as error:
            at = text.index(str(error), here)
            raise TextError("a number too large for 64 bits", lines.place(at)) from error
        if "\\ud" in text[here:end].lower():
            value = _replace_surrogates(value)
        yield Tree(value, _find_places(text, here, end, lines))
        here = _end(_SPACE, text, end)


def _end(pattern: re.Pattern[str], text: str, start: int) -> int:
    found = pattern.match(text, start)
    return found.end() if found else start


def _parse_number(text: str) -> object:
    # As the API server: 64 bits with a sign, else a float. Python would refuse 5,000 digits.
    if len(text) <= _MOST_DIGITS and text.lstrip("-").isdecimal():
        value: int | float = int(text)
    else:
        value = float(text)
    try:
        return as_json(value) if type(value) is int else _finite(value)
    except (OverflowError, ManifestError) as error:
        raise _UnfitNumber(text) from error


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise OverflowError
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise JSONDecodeError(f"{name} is no number", name, 0)


_DECODER: Final = JSONDecoder(
    parse_int=_parse_number, parse_float=_parse_number, parse_constant=_refuse_constant
)


def _replace_surrogates(value: Any) -> Any:  # noqa: ANN401 -- any JSON value
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_replace_surrogates(each) for each in value]
    if isinstance(value, dict):
        return {_replace_surrogates(key): _replace_surrogates(value[key]) for key in value}
    return value


class _Lines:
    """Turns offsets into places."""

    def __init__(self, text: str, first_line: int) -> None:
        self._starts = [0, *(found.end() for found in re.finditer("\n", text))]
        self._first_line = first_line

    def pack(self, offset: int) -> int:
        line = bisect_right(self._starts, offset) - 1
        return pack(line + self._first_line, offset - self._starts[line])

    def place(self, offset: int) -> Place:
        line = bisect_right(self._starts, offset) - 1
        return Place(line + self._first_line + 1, offset - self._starts[line] + 1)


def _find_places(text: str, start: int, end: int, lines: _Lines) -> Places:
    """Find the place of each node, in reading order; the text is known to be JSON.

    Raises:
        TextError: a key stands twice in an object, or it is nested too deep.

    """
    found: Places = array("Q")
    open_keys: list[dict[str, int] | None] = []  # None: an array
    is_key = False
    for token in _TOKEN.finditer(text, start, end):
        first, offset = token[0][0], token.start()
        if first in "]}":
            open_keys.pop()
            is_key = False
        elif first in ",:":
            is_key = first == "," and open_keys[-1] is not None
        else:
            keys = open_keys[-1] if open_keys else None
            if is_key and keys is not None:
                _note_key(keys, token[0], offset, lines)
            if is_key or keys is None:  # A field has the place of its key.
                found.append(lines.pack(offset))
            if first in "[{":
                open_keys.append({} if first == "{" else None)
                is_key = first == "{"
            if len(open_keys) > MAX_DEPTH:
                raise TextError(f"nested deeper than {MAX_DEPTH} levels", lines.place(offset))
    return found


def _note_key(keys: dict[str, int], token: str, offset: int, lines: _Lines) -> None:
    key = _replace_surrogates(_DECODER.decode(token)) if "\\" in token else token[1:-1]
    if key in keys:
        line = lines.place(keys[key]).line
        raise TextError(f"the key {key!r} stands in line {line} already", lines.place(offset))
    keys[key] = offset
