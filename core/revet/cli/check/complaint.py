"""What a person is told of an object that no API server would take: where, and why."""

import re
from typing import Final

import msgspec

from revet.cli.check.report import Problem
from revet.cli.load import Document
from revet.core.pointer import field_path, join

#: What turning a document into JSON may raise: numbers and texts that JSON can't hold, depth.
ENCODING_ERRORS: Final = (msgspec.MsgspecError, OverflowError, RecursionError, UnicodeError)

#: How msgspec ends a message: " - at `$.spec.containers[0].name`".
_AT: Final = re.compile(r" - at `(?:key in )?\$(?P<path>[^`]*)`")
_TYPES: Final = re.compile("Expected `([^`]+)`, got `([^`]+)`")
_NAMES: Final = {
    "array": "a list",
    "bool": "true or false",
    "float": "a number",
    "int": "an integer",
    "null": "null",
    "object": "an object",
    "str": "a string",
}
_STEP: Final = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|\[\.\.\.\]")


def complain(document: Document, message: str) -> Problem:
    """Word what is wrong with a document, at the field where that is known."""
    found = _AT.search(message)
    pointer = _pointer(found["path"]) if found else ""
    kind, _, rest = message.partition(": ")
    path = f"{field_path(pointer)}: " if pointer else ""
    text = f"{kind}{_name(document)}: {path}{_reword(_AT.sub('', rest))}"
    return Problem(document.source.file, document.locate(pointer).line or None, text)


def _reword(message: str) -> str:
    """Name types as manifests' writers know them."""
    found = _TYPES.fullmatch(message)
    if found is None:
        return message
    wanted, given = (
        " or ".join(_NAMES.get(each, each) for each in group.split(" | "))
        for group in found.groups()
    )
    return f"is {given}, must be {wanted}"


def _pointer(path: str) -> str:
    steps: list[str] = []
    for step in _STEP.finditer(path):
        name = step[1] or step[2]
        if name is None:  # a key of a map, which msgspec does not tell
            break
        steps.append(name)
    return join(*steps)


def _name(document: Document) -> str:
    metadata = document.value.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return f" {name}" if isinstance(name, str) else ""
