"""Applies JSON patches that add and replace (RFC 6902): apart, so that the engine is held to it."""

from collections.abc import Iterable
from copy import deepcopy
from typing import Any

from revet.core.patch import Operation


def apply_patch(document: Any, operations: Iterable[Operation]) -> Any:  # noqa: ANN401 -- any JSON
    """Return a patched copy; an operation that does not fit is an error, as the RFC wants."""
    document = deepcopy(document)
    for operation in operations:
        if operation["op"] not in {"add", "replace"}:
            raise ValueError(f"{operation['op']} is neither add nor replace")
        *parents, last = [
            token.replace("~1", "/").replace("~0", "~")
            for token in operation["path"].removeprefix("/").split("/")
        ]
        place = document
        for token in parents:
            place = place[int(token)] if isinstance(place, list) else place[token]
        if isinstance(place, list) and last == "-":
            place.append(deepcopy(operation["value"]))
            continue
        if not isinstance(place, dict):
            raise TypeError(f"{operation['path']}: the parent is no object, and no list to add to")
        if operation["op"] == "replace" and last not in place:
            raise ValueError(f"{operation['path']}: there is nothing to replace")
        place[last] = deepcopy(operation["value"])
    return document
