"""YAML text as a tree of spans: where each node begins and ends, and how it is written.

Apart from load's reader, which keeps one number a node: only who edits needs all of this.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeAlias, cast

from yaml import CSafeLoader, YAMLError
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
)

from revet.cli.load import Place
from revet.core.errors import Error

_BLOCK_STYLES: Final = ("|", ">")


class EditError(Error):
    """This can't be edited; the message says why, for people."""


class _Mark(Protocol):
    index: int
    line: int
    column: int


class _Event(Protocol):
    """An event of PyYAML; its stubs know no kinds."""

    anchor: str | None
    value: str
    style: str | None
    flow_style: bool
    start_mark: _Mark
    end_mark: _Mark


@dataclass(frozen=True, slots=True)
class Leaf:
    """A scalar, or an alias, from `start` to `end` of the text."""

    start: int
    end: int
    column: int
    anchor: str | None
    text: str
    is_alias: bool = False


@dataclass(frozen=True, slots=True)
class Branch:
    """A mapping or a sequence; `end` is behind the bracket, or behind the last leaf.

    `items` are the values; `keys` those of a mapping, in the same order. `column` is where they
    begin, in a sequence their dashes.
    """

    start: int
    end: int
    column: int
    anchor: str | None
    is_mapping: bool
    is_flow: bool
    items: tuple["Node", ...]
    keys: tuple["Node", ...] = ()


Node: TypeAlias = Leaf | Branch


@dataclass(frozen=True, slots=True)
class Root:
    """A document: where it begins, its node, and the anchors that some alias in it names."""

    place: Place
    node: Node
    used_anchors: frozenset[str]


def read_roots(text: str, first_line: int) -> Iterator[Root]:
    """Read the documents of a text, as far as it is YAML."""
    parser = CSafeLoader(text)
    try:
        while type(event := parser.get_event()) is not StreamEndEvent:
            if type(event) is DocumentStartEvent:
                following = cast("Callable[[], _Event]", parser.get_event)
                yield _Reader(text, following).read(first_line)
    except YAMLError:
        return


@dataclass(slots=True)
class _Reader:
    text: str
    following: Callable[[], _Event]
    used: set[str] = field(default_factory=set)

    def read(self, first_line: int) -> Root:
        event = self.following()
        mark = event.start_mark
        node = self._node(event)
        place = Place(mark.line + first_line + 1, mark.column + 1)
        return Root(place, node, frozenset(self.used))

    def _node(self, event: _Event) -> Node:
        if isinstance(event, ScalarEvent | AliasEvent):
            return self._leaf(event)
        return self._branch(event)

    def _leaf(self, event: _Event) -> Leaf:
        start, end = event.start_mark, event.end_mark.index
        if isinstance(event, AliasEvent):
            self.used.add(event.anchor or "")
            return Leaf(start.index, end, start.column, None, "", is_alias=True)
        if event.style in _BLOCK_STYLES:
            end = _end_of_block(self.text, start.index, end)
        return Leaf(start.index, end, start.column, event.anchor, event.value)

    def _branch(self, event: _Event) -> Branch:
        is_mapping = isinstance(event, MappingStartEvent)
        keys: list[Node] = []
        items: list[Node] = []
        while not isinstance(each := self.following(), MappingEndEvent | SequenceEndEvent):
            if is_mapping:
                keys.append(self._node(each))
                each = self.following()
            items.append(self._node(each))
        end = each.end_mark.index if event.flow_style or not items else items[-1].end
        start = event.start_mark
        return Branch(
            start.index,
            end,
            keys[0].column if keys else start.column,
            event.anchor,
            is_mapping,
            event.flow_style,
            tuple(items),
            tuple(keys),
        )


def _end_of_block(text: str, start: int, end: int) -> int:
    """Return the end of what a literal or folded text holds; the blank lines below are nobody's."""
    written = text[start:end]
    header = written.partition("\n")[0]
    return end if "+" in header else start + len(written.rstrip())
