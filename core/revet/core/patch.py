"""Safe fixes become RFC 6902 operations, and are tried on a copy of the object.

Patches add: a value that somebody wrote stays, but for an image's tag that gets its digest.
"""

from collections.abc import Iterable
from copy import deepcopy
from typing import Final, TypedDict

from revet.core.check import Assignment, Json
from revet.core.errors import ManifestError
from revet.core.pointer import join, split


class Operation(TypedDict):
    """An operation of a JSON patch (RFC 6902); we add, and replace what is exactly known."""

    op: str
    path: str
    value: Json


ADD: Final = "add"
REPLACE: Final = "replace"
#: The place after a list's last item (RFC 6901); what the list has already is not added again.
APPEND: Final = "-"


def assign(document: Json, assignments: Iterable[Assignment], prefix: str = "") -> list[Operation]:
    """Carry out `assignments` on `document`, in place, and return the operations that do the same.

    Parents that are missing or null are made once. Values already there are kept, but for one that
    an assignment replaces.
    """
    operations: list[Operation] = []
    for assignment in assignments:
        operations += _assign(document, prefix + assignment.pointer, assignment)
    return operations


def _assign(document: Json, pointer: str, assignment: Assignment) -> list[Operation]:
    value = assignment.value
    operations: list[Operation] = []
    tokens = split(pointer)
    place = document
    for depth, token in enumerate(tokens[:-1], start=1):
        if isinstance(place, dict) and place.get(token) is None:
            made: Json = [] if tokens[depth] == APPEND else {}
            place[token] = deepcopy(made)
            operations.append(Operation(op=ADD, path=join(*tokens[:depth]), value=made))
        place = _step(place, token, pointer)
    if isinstance(place, list) and tokens[-1] == APPEND:
        if value not in place:
            place.append(deepcopy(value))
            operations.append(Operation(op=ADD, path=pointer, value=value))
        return operations
    if not isinstance(place, dict):
        raise ManifestError(f"{pointer} can't be set: its parent is no object")
    there = place.get(tokens[-1])
    if there is not None and there == assignment.replaces and there != value:
        place[tokens[-1]] = value
        operations.append(Operation(op=REPLACE, path=pointer, value=value))
    elif there is None:
        # A copy: a later assignment may go on to fill it, an operation must not change any more.
        place[tokens[-1]] = deepcopy(value)
        operations.append(Operation(op=ADD, path=pointer, value=value))
    return operations


def _step(place: Json, token: str, pointer: str) -> Json:
    if isinstance(place, dict):
        return place[token]
    if isinstance(place, list) and token.isdigit() and int(token) < len(place):
        return place[int(token)]
    raise ManifestError(f"{pointer} can't be set: nothing stands at {token!r}")
