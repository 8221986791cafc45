"""A JSON value with the place of each of its nodes: how a finding's field gets line and column.

One table of numbers in reading order, 8 bytes a node: no node tree is kept, no text read twice.
"""

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeAlias

from revet.core.errors import ManifestError
from revet.core.pointer import split

_COLUMN_BITS: Final = 32
_COLUMNS: Final = (1 << _COLUMN_BITS) - 1

Places: TypeAlias = "array[int]"
"""Packed places in reading order, a parent before its children."""

_Child: TypeAlias = tuple[object, int]
"""A value, and how many nodes stand between its parent and it."""


class Place(NamedTuple):
    """Where something is: both count from 1, columns in characters."""

    line: int
    column: int


class TextError(ManifestError):
    """A text is not YAML or JSON that Kubernetes takes; `place` is where, if that is known."""

    def __init__(self, message: str, place: Place | None = None) -> None:
        super().__init__(message)
        self.place = place


#: The place of all that stands in no text, such as what a cluster holds.
NOWHERE: Final = Place(0, 0)


def pack(line: int, column: int) -> int:
    """Return a place, both counted from 0, as one number."""
    return line << _COLUMN_BITS | column


def unpack(packed: int) -> Place:
    """Return the place that a number stands for."""
    return Place((packed >> _COLUMN_BITS) + 1, (packed & _COLUMNS) + 1)


@dataclass(frozen=True, slots=True)
class Tree:
    """A JSON value and its places.

    A field's place is that of its key, an item's that of its first character. The value may share
    parts with itself (YAML's aliases): it is not to be changed. Without any places the value
    stands in no text.
    """

    value: object
    places: Places

    def locate(self, pointer: str) -> Place:
        """Return the place of what `pointer` names, or of its nearest parent that is there."""
        if not self.places:
            return NOWHERE
        return Locator(self).locate(pointer)

    def items(self, field: str) -> Iterator["Tree"]:
        """Yield the items of a list in a field of the value, each as a tree of its own."""
        found, before = dict(_list_children(self.value))[field]
        items = found if isinstance(found, list) else []
        parts = split_places(self.places[before + 2 :], items)
        return (Tree(item, part) for item, part in zip(items, parts, strict=True))


@dataclass(slots=True)
class Locator:
    """Locates many fields of one tree: what leads to them is walked once, and no further."""

    tree: Tree
    _walked: dict[str, tuple[object, int, bool]] = field(default_factory=dict)
    _children: dict[str, tuple[dict[str, _Child], Iterator[tuple[str, _Child]]]] = field(
        default_factory=dict
    )

    def locate(self, pointer: str) -> Place:
        """Return the place of what `pointer` names, as Tree.locate does."""
        if not self.tree.places:
            return NOWHERE
        return unpack(self.tree.places[self._walk(pointer)[1]])

    def _walk(self, pointer: str) -> tuple[object, int, bool]:
        """Return the value, its index, and whether it is there, or else its nearest parent is."""
        known = self._walked.get(pointer)
        if known is None:
            known = self._walked[pointer] = self._walk_on(pointer)
        return known

    def _walk_on(self, pointer: str) -> tuple[object, int, bool]:
        if not pointer:
            return self.tree.value, 0, True
        parent, _, token = pointer.rpartition("/")
        value, index, is_there = self._walk(parent)
        found = self._step(parent, value, *split(f"/{token}")) if is_there else None
        return (value, index, False) if found is None else (found[0], index + 1 + found[1], True)

    def _step(self, parent: str, value: object, token: str) -> _Child | None:
        if parent not in self._children:
            self._children[parent] = {}, _list_children(value)
        seen, following = self._children[parent]
        while token not in seen:
            try:
                name, child = next(following)
            except StopIteration:
                return None
            seen[name] = child
        return seen[token]


def _list_children(value: object) -> Iterator[tuple[str, _Child]]:
    """Yield each child with its token; it is counted only where somebody asks for the next."""
    items: Iterable[tuple[str, object]] = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = ((str(position), child) for position, child in enumerate(value))
    before = 0
    for token, child in items:
        yield token, (child, before)
        before += count_nodes(child)


def count_nodes(value: object) -> int:
    """Count the value and all below it."""
    if isinstance(value, dict):
        return 1 + sum(map(count_nodes, value.values()))
    if isinstance(value, list):
        return 1 + sum(map(count_nodes, value))
    return 1


def cut(places: Places, start: int) -> Places:
    """Take the places from `start` on out of the table."""
    rest = places[start:]
    del places[start:]
    return rest


def split_places(places: Places, values: Iterable[object]) -> Iterator[Places]:
    """Part the places of several values that stand one after another."""
    here = 0
    for value in values:
        size = count_nodes(value)
        yield places[here : here + size]
        here += size
