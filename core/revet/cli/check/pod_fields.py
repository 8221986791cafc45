"""Fields of a pod's spec that Kubernetes does not have: misspelt, they would protect nothing.

The API server drops them with a warning that is easy to miss.
"""

from collections.abc import Iterator
from difflib import get_close_matches
from functools import reduce
from operator import getitem
from typing import Final, NamedTuple

from revet.cli.check.pod_fields_data import FIELDS
from revet.cli.load import Document
from revet.core.pointer import escape, field_path, split

#: Nobody mends more at once; and what is like a name is dear to find.
_MOST: Final = 10
_LONGEST_NAME: Final = 64
_ROOT: Final = "PodSpec"


class UnknownField(NamedTuple):
    """A field that there is not, and the one that may be meant; empty: none is like it."""

    pointer: str
    meant: str


def _parse(text: str) -> dict[str, dict[str, str]]:
    types: dict[str, dict[str, str]] = {}
    for entry in text.strip().replace("\n  ", " ").splitlines():
        name, *fields = entry.split()
        pairs = (field.partition(":") for field in fields)
        types[name] = {field: kind for field, _, kind in pairs}
    return types


#: The type of each field of each type.
TYPES: Final = _parse(FIELDS)


def tell_unknown(document: Document, prefix: str) -> Iterator[str]:
    """Say which fields of an object's pod are none; `prefix` leads to its metadata and spec."""
    try:
        spec = reduce(getitem, split(f"{prefix}/spec"), document.value)
    except (KeyError, TypeError):  # It has none, or what is none: whoever reads it tells.
        return
    for pointer, meant in find_unknown(spec, f"{prefix}/spec"):
        line = document.locate(pointer).line
        hint = f"did you mean {meant}?" if meant else "the API server drops it"
        place = f"{field_path(pointer)} (line {line})"
        yield f"with a field that Kubernetes does not know: {place}: {hint}"


def find_unknown(spec: object, pointer: str) -> list[UnknownField]:
    """Return the first fields of a pod's spec, which stands at `pointer`, that there are not."""
    found: list[UnknownField] = []
    for place, name, fields in _walk(spec, _ROOT, pointer):
        near = get_close_matches(name[:_LONGEST_NAME], fields, n=1)
        found.append(UnknownField(f"{place}/{escape(name)}", near[0] if near else ""))
        if len(found) == _MOST:
            break
    return found


def _walk(value: object, kind: str, pointer: str) -> Iterator[tuple[str, str, dict[str, str]]]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _walk(item, kind, f"{pointer}/{index}")
    elif isinstance(value, dict):
        fields = TYPES[kind]
        for name, child in value.items():
            if name not in fields:
                yield pointer, name, fields
            elif fields[name]:
                yield from _walk(child, fields[name], f"{pointer}/{name}")
