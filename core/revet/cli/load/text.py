"""The bytes of a file to its documents, one after another: what is broken stops no other one."""

import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator
from typing import Final

from revet.cli.load.json_text import JSONError, read_json
from revet.cli.load.places import Place, TextError, Tree
from revet.cli.load.yaml_text import read_yaml

MAX_BYTES: Final = 64 * 1024 * 1024
_BOUNDARY: Final = re.compile(rb"^---(?=[ \t\r\n]|\Z)", re.MULTILINE)
_DIRECTIVE: Final = re.compile(rb"^%", re.MULTILINE)
_BARE_BOUNDARY: Final = re.compile(rb"---[ \t]*(?:\r?\n|\Z)")


def read_text(data: bytes, *, is_json: bool = False) -> Iterator[Tree | TextError]:
    """Read YAML or JSON, whichever each document is; an empty document is null.

    Where a document is neither, `is_json` tells which of both complaints is given.
    """
    try:
        _refuse_encoding(data)
    except TextError as error:
        yield error
        return
    for first_line, part in part_text(data.removeprefix(BOM_UTF8)):
        try:
            yield from _read_part(part, first_line, is_json=is_json)
        except TextError as error:
            yield error


def _refuse_encoding(data: bytes) -> None:
    if len(data) > MAX_BYTES:
        raise TextError(f"larger than the {MAX_BYTES >> 20} MiB that are read")
    if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        raise TextError("text in UTF-16: save it as UTF-8", Place(1, 1))
    try:
        data.decode()
    except UnicodeDecodeError as error:
        before = data[: error.start]
        column = len(before[before.rfind(b"\n") + 1 :].decode(errors="replace"))
        place = Place(before.count(b"\n") + 1, column + 1)
        raise TextError(f"not UTF-8: byte 0x{data[error.start]:02X}", place) from error


def part_text(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Part a text before each `---`, as kubectl does: lines above, text.

    A text with a directive is left whole: that belongs to the `---` below it.
    """
    if _DIRECTIVE.search(data):
        yield 0, data
        return
    start = line = 0
    for found in _BOUNDARY.finditer(data):
        if found.start():
            yield line, data[start : found.start()]
            line += data.count(b"\n", start, found.start())
            start = found.start()
    yield line, data[start:]


def _read_part(part: bytes, first_line: int, *, is_json: bool) -> Iterator[Tree]:
    complaint: JSONError | None = None
    boundary = _BARE_BOUNDARY.match(part)
    text = part[boundary.end() :] if boundary else part
    if text.lstrip().startswith(b"{"):
        lines_above = part.count(b"\n", 0, len(part) - len(text))
        try:
            # All or none: what is half JSON is read as YAML, from its beginning.
            yield from list(read_json(text.decode(), first_line + lines_above))
        except JSONError as error:
            complaint = error
        else:
            return
    try:
        yield from read_yaml(part, first_line)
    except TextError:
        if complaint is not None and is_json:
            raise complaint from None
        raise
