"""YAML text to JSON values with places: PyYAML's C parser with Kubernetes' meaning.

Events are read, and no node tree is built: aliases are seen as such, so that what they multiply is
counted before it is there, and no nesting can use up the stack of C.
"""

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, TypeVar, cast

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
from revet.cli.load.scalar import Scalar, as_json, as_key
from revet.cli.load.yaml_error import explain
from revet.cli.load.yaml_event import Event, is_merge, is_plain, resolve
from revet.core.errors import ManifestError

MAX_DEPTH: Final = 200
_TOO_DEEP: Final = f"nested deeper than {MAX_DEPTH} levels"

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
                following = cast("Callable[[], Event]", parser.get_event)
                yield _Reader(following, first_line).read()
    except YAMLError as error:
        raise explain(data, error, first_line) from error
    except RecursionError as error:  # No text is known to get here: MAX_DEPTH stops it before.
        raise TextError(_TOO_DEEP, Place(first_line + 1, 1)) from error


@dataclass(slots=True)
class _Anchor:
    event: Event
    value: object = None
    places: "Places | None" = None  # None: still being read
    weight: int = 0
    height: int = 0


class _Reader:
    """Reads one document."""

    def __init__(self, following: Callable[[], Event], first_line: int) -> None:
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

    def _mark(self, event: Event) -> None:
        self._places.append(self._pack(event))

    def _pack(self, event: Event) -> int:
        mark = event.start_mark
        return places.pack(mark.line + self._first_line, mark.column)

    def _value(self, event: Event, depth: int) -> object:
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
            raise self._error(event, _TOO_DEEP)
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
        starts: list[int] = []
        while not isinstance(event := self._next(), MappingEndEvent):
            if is_merge(event):
                return self._merging(depth, result, starts)
            key = self._key(event)
            if key in result:
                raise self._twice(event, key, self._places[starts[list(result).index(key)]])
            starts.append(len(self._places))
            self._mark(event)
            result[key] = self._value(self._next(), depth)
        return result

    def _merging(
        self, depth: int, result: dict[str, object], starts: list[int]
    ) -> dict[str, object]:
        """Read on after the first `<<` of a mapping: fields may now be set a second time.

        Each field's places are kept apart until its end is reached, so that none is moved twice.
        """
        ends = [*starts, len(self._places)][1:]
        parts = {
            key: self._places[start:end]
            for key, start, end in zip(result, starts, ends, strict=True)
        }
        if starts:
            del self._places[starts[0] :]
        merged = self._merge(depth, result, parts)
        while not isinstance(event := self._next(), MappingEndEvent):
            if is_merge(event):
                merged |= self._merge(depth, result, parts)
                continue
            key = self._key(event)
            if key in result and key not in merged:
                raise self._twice(event, key, parts[key][0])
            merged.discard(key)
            here = len(self._places)
            self._mark(event)
            result[key] = self._value(self._next(), depth)
            parts[key] = places.cut(self._places, here)
        for part in parts.values():
            self._places.extend(part)
        return result

    def _twice(self, event: Event, key: str, first: int) -> TextError:
        line = places.unpack(first).line
        return self._error(event, f"the key {key!r} stands in line {line} already")

    def _key(self, event: Event) -> str:
        scalar = event if event.anchor is None else self._anchored_key(event.anchor, event)
        if not isinstance(scalar, ScalarEvent):
            raise self._error(event, "a key must be a text, no list and no mapping")
        self._decoded += 1
        text, plain = scalar.value, is_plain(scalar)
        if plain and text in _KEYS:
            return _KEYS[text]
        try:
            key = as_key(resolve(scalar))
        except ManifestError as error:
            raise self._error(event, str(error)) from error
        return _remember(_KEYS, text, key) if plain else key

    def _anchored_key(self, name: str, event: Event) -> Event:
        """Return what a key with an anchor, or an alias, stands for; only a text is read."""
        if isinstance(event, AliasEvent):
            return self._anchor(name, event).event
        if isinstance(event, ScalarEvent):
            event.anchor = None
            place = array("Q", [self._pack(event)])
            self._anchors[name] = _Anchor(event, self._scalar(event), place, 1)
        return event

    def _scalar(self, event: Event) -> Scalar:
        text, plain = event.value, is_plain(event)
        if plain and text in _PLAIN:
            return _PLAIN[text]
        try:
            value = as_json(resolve(event))
        except ManifestError as error:
            raise self._error(event, str(error)) from error
        return _remember(_PLAIN, text, value) if plain else value

    def _define(self, name: str, event: Event, depth: int) -> object:
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

    def _anchor(self, name: str, event: Event) -> _Anchor:
        """Return the anchor that an alias names."""
        anchor = self._anchors.get(name)
        if anchor is None:
            raise self._error(event, f"no anchor &{name} stands before this")
        if anchor.places is None:
            raise self._error(event, f"the anchor &{name} contains itself")
        return anchor

    def _alias(self, name: str, event: Event, depth: int) -> object:
        anchor = self._anchor(name, event)
        assert anchor.places is not None  # noqa: S101 -- or it would contain itself
        if depth + anchor.height > MAX_DEPTH:
            raise self._error(event, _TOO_DEEP)
        self._deepest = max(self._deepest, depth + anchor.height)
        self._decoded += 1 + anchor.weight
        self._aliased += anchor.weight
        self._refuse_bomb(event)
        self._places.extend(anchor.places)
        return anchor.value

    def _refuse_bomb(self, event: Event) -> None:
        if self._aliased <= _FREE_ALIASED or self._decoded <= _FREE_DECODED:
            return
        grown = min(max(self._decoded - _SMALL, 0) / (_LARGE - _SMALL), 1)
        allowed = _SHARE_IN_SMALL - (_SHARE_IN_SMALL - _SHARE_IN_LARGE) * grown
        if self._aliased / self._decoded > allowed:
            raise self._error(event, "aliases multiply this document beyond what is taken")

    def _merge(self, depth: int, result: dict[str, object], parts: dict[str, Places]) -> set[str]:
        """Read the value of a `<<` into a mapping's fields and their places; return its keys."""
        event = self._next()
        here = len(self._places)
        self._mark(event)
        value = self._value(event, depth)
        table = places.cut(self._places, here)
        is_list = isinstance(event, SequenceStartEvent) and isinstance(value, list)
        sources: list[object] = value if is_list and isinstance(value, list) else [value]
        tables = list(places.split_places(table[1:], sources)) if is_list else [table]
        values: dict[str, object] = {}
        found: dict[str, Places] = {}
        # The last one first: earlier ones go before it.
        for source, part in zip(reversed(sources), reversed(tables), strict=True):
            if not isinstance(source, dict):
                raise self._error(event, "<< must have a mapping, or a list of mappings")
            fields = places.split_places(part[1:], source.values())
            values.update(source)
            found.update(zip(source, fields, strict=True))
        result.update(values)
        parts.update(found)
        return set(values)

    def _error(self, event: Event, message: str) -> TextError:
        mark = event.start_mark
        return TextError(message, Place(mark.line + self._first_line + 1, mark.column + 1))


def _remember(memory: dict[str, _V], text: str, value: _V) -> _V:
    if len(memory) >= _MOST_REMEMBERED:
        memory.clear()
    memory[text] = value
    return value
