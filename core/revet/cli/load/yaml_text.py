"""YAML text to JSON values with places: PyYAML's C parser with Kubernetes' meaning.

Events are read, and no node tree is built: aliases are seen as such, so that what they multiply is
counted before it is there, and no nesting can use up the stack of C.
"""

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar, cast

from yaml import CSafeLoader, YAMLError
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from revet.cli.load import places
from revet.cli.load.places import Place, Places, TextError, Tree
from revet.cli.load.scalar import Scalar, as_json, as_key, resolve, resolve_tagged
from revet.cli.load.yaml_error import explain
from revet.core.errors import ManifestError

MAX_DEPTH: Final = 200
_MERGE: Final = "<<"
_MERGE_TAG: Final = "tag:yaml.org,2002:merge"

# go-yaml's limits on what aliases may multiply, as a share of the document.
_SMALL: Final = 400_000
_LARGE: Final = 4_000_000
_SHARE_IN_SMALL: Final = 0.99
_SHARE_IN_LARGE: Final = 0.10
_FREE_ALIASED: Final = 100
_FREE_DECODED: Final = 1000

# Texts repeat, and one object for all of them is quicker and smaller than one for each.
_MOST_REMEMBERED: Final = 100_000
_PLAIN: Final[dict[str, Scalar]] = {}
_KEYS: Final[dict[str, str]] = {}
_V = TypeVar("_V")


class _Mark(Protocol):
    line: int
    column: int


class _Event(Protocol):
    """The beginning of a node; only a scalar has `value`. The stubs of PyYAML know no kinds."""

    anchor: str | None
    tag: str | None
    value: str
    implicit: tuple[bool, bool]
    start_mark: _Mark


def read_yaml(data: bytes, first_line: int = 0) -> Iterator[Tree]:
    """Read the documents of a text in UTF-8; an empty one is null.

    Raises:
        TextError: it is not YAML that Kubernetes takes; `first_line` is added to its line.

    """
    parser = CSafeLoader(data)
    try:
        while type(event := parser.get_event()) is not StreamEndEvent:
            if type(event) is DocumentStartEvent:
                # A parser's events are not typed by their kinds.
                following = cast("Callable[[], _Event]", parser.get_event)
                yield _Reader(following, first_line).read()
    except YAMLError as error:
        raise explain(data, error, first_line) from error


@dataclass(slots=True)
class _Anchor:
    event: _Event
    value: object = None
    places: "Places | None" = None  # None: still being read
    weight: int = 0
    height: int = 0


class _Reader:
    """Reads one document."""

    def __init__(self, following: Callable[[], _Event], first_line: int) -> None:
        self._next = following
        self._first_line = first_line
        self._places: Places = array("Q")
        self._anchors: dict[str, _Anchor] = {}
        # As go-yaml counts, whose limits these are.
        self._decoded = 1
        self._aliased = 0
        self._deepest = 0

    def read(self) -> Tree:
        event = self._next()
        self._mark(event)
        value = self._value(event, 0)
        self._refuse_bomb(event)
        return Tree(value, self._places)

    def _mark(self, event: _Event) -> None:
        mark = event.start_mark
        self._places.append(places.pack(mark.line + self._first_line, mark.column))

    def _value(self, event: _Event, depth: int) -> object:
        """Read what begins with `event`; its own place stands in the table already."""
        kind: type[object] = type(event)
        if event.anchor is not None:
            if kind is AliasEvent:
                return self._alias(event.anchor, event, depth)
            return self._define(event.anchor, event, depth)
        self._decoded += 1
        if kind is ScalarEvent:
            return self._scalar(event)
        if depth >= MAX_DEPTH:
            raise self._error(event, f"nested deeper than {MAX_DEPTH} levels")
        self._deepest = max(self._deepest, depth + 1)
        if kind is MappingStartEvent:
            return self._mapping(depth + 1)
        return self._sequence(depth + 1)

    def _sequence(self, depth: int) -> list[object]:
        items: list[object] = []
        while not isinstance(event := self._next(), SequenceEndEvent):
            self._mark(event)
            items.append(self._value(event, depth))
        return items

    def _mapping(self, depth: int) -> dict[str, object]:
        result: dict[str, object] = {}
        start = len(self._places)
        merged: set[str] = set()
        while not isinstance(event := self._next(), MappingEndEvent):
            if _is_merge(event):
                fields = self._merge(depth)
                places.put(self._places, start, result, fields)
                merged.update(fields)
                continue
            key = self._key(event)
            here = len(self._places)
            self._mark(event)
            if key not in result:
                result[key] = self._value(self._next(), depth)
            elif key in merged:
                value = self._value(self._next(), depth)
                own = places.cut(self._places, here)
                places.put(self._places, start, result, {key: (value, own)})
                merged.discard(key)
            else:
                first = self._places[start + places.count_before(result, key)]
                line = places.unpack(first).line
                raise self._error(event, f"the key {key!r} stands in line {line} already")
        return result

    def _key(self, event: _Event) -> str:
        scalar = event
        if event.anchor is not None:
            scalar = self._anchored_key(event.anchor, event)
        elif isinstance(event, ScalarEvent):
            self._decoded += 1
        if not isinstance(scalar, ScalarEvent):
            raise self._error(event, "a key must be a text, no list and no mapping")
        text, plain = scalar.value, _is_plain(scalar)
        if plain and text in _KEYS:
            return _KEYS[text]
        try:
            key = as_key(_resolve_event(scalar))
        except ManifestError as error:
            raise self._error(event, str(error)) from error
        return _remember(_KEYS, text, key) if plain else key

    def _anchored_key(self, name: str, event: _Event) -> _Event:
        """Return the scalar that a key with an anchor, or an alias, is."""
        here = len(self._places)
        self._mark(event)
        self._value(event, 0)
        places.cut(self._places, here)
        return self._anchors[name].event

    def _scalar(self, event: _Event) -> Scalar:
        text, plain = event.value, _is_plain(event)
        if plain and text in _PLAIN:
            return _PLAIN[text]
        try:
            value = as_json(_resolve_event(event))
        except ManifestError as error:
            raise self._error(event, str(error)) from error
        return _remember(_PLAIN, text, value) if plain else value

    def _define(self, name: str, event: _Event, depth: int) -> object:
        anchor = self._anchors[name] = _Anchor(event)
        here, decoded, deepest = len(self._places), self._decoded, self._deepest
        self._deepest = depth
        event.anchor = None
        anchor.value = self._value(event, depth)
        anchor.places = self._places[here:]
        anchor.weight = self._decoded - decoded
        anchor.height = self._deepest - depth
        self._deepest = max(self._deepest, deepest)
        return anchor.value

    def _alias(self, name: str, event: _Event, depth: int) -> object:
        anchor = self._anchors.get(name)
        if anchor is None:
            raise self._error(event, f"no anchor &{name} stands before this")
        if anchor.places is None:
            raise self._error(event, f"the anchor &{name} contains itself")
        if depth + anchor.height > MAX_DEPTH:
            raise self._error(event, f"nested deeper than {MAX_DEPTH} levels")
        self._deepest = max(self._deepest, depth + anchor.height)
        self._decoded += 1 + anchor.weight
        self._aliased += anchor.weight
        self._refuse_bomb(event)
        self._places.extend(anchor.places)
        return anchor.value

    def _refuse_bomb(self, event: _Event) -> None:
        if self._aliased <= _FREE_ALIASED or self._decoded <= _FREE_DECODED:
            return
        grown = min(max(self._decoded - _SMALL, 0) / (_LARGE - _SMALL), 1)
        allowed = _SHARE_IN_SMALL - (_SHARE_IN_SMALL - _SHARE_IN_LARGE) * grown
        if self._aliased / self._decoded > allowed:
            raise self._error(event, "aliases multiply this document beyond what is taken")

    def _merge(self, depth: int) -> dict[str, tuple[object, Places]]:
        """Read the value of a `<<`: fields, each with its value and its places."""
        event = self._next()
        here = len(self._places)
        self._mark(event)
        value = self._value(event, depth)
        table = places.cut(self._places, here)
        is_list = isinstance(event, SequenceStartEvent) and isinstance(value, list)
        sources: list[object] = value if is_list and isinstance(value, list) else [value]
        parts = list(places.split_places(table[1:], sources)) if is_list else [table]
        result: dict[str, tuple[object, Places]] = {}
        # The last one first: earlier ones go before it.
        for source, part in zip(reversed(sources), reversed(parts), strict=True):
            if not isinstance(source, dict):
                raise self._error(event, "<< must have a mapping, or a list of mappings")
            fields = places.split_places(part[1:], source.values())
            result.update(zip(source, zip(source.values(), fields, strict=True), strict=True))
        return result

    def _error(self, event: _Event, message: str) -> TextError:
        mark = event.start_mark
        return TextError(message, Place(mark.line + self._first_line + 1, mark.column + 1))


def _is_merge(event: _Event) -> bool:
    return (
        isinstance(event, ScalarEvent)
        and event.value == _MERGE
        and (event.implicit[0] or event.tag == _MERGE_TAG)
    )


def _is_plain(event: _Event) -> bool:
    """Say whether its text alone tells what it is; with the tag `!` alone it does not."""
    return event.implicit[0] and event.tag is None


def _resolve_event(event: _Event) -> Scalar:
    if event.tag is not None:
        return resolve_tagged(event.tag, event.value)
    return resolve(event.value) if event.implicit[0] else event.value


def _remember(memory: dict[str, _V], text: str, value: _V) -> _V:
    if len(memory) >= _MOST_REMEMBERED:
        memory.clear()
    memory[text] = value
    return value
