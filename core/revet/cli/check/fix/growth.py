"""What a patch adds to an object. Patches only ever add, so an object grows at some places."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from revet.core.check import Json


@dataclass(frozen=True, slots=True)
class Growth:
    """New fields of the object, new items of the list, or a value where null is, at `path`."""

    path: tuple[str, ...]
    added: Json
    fills_null: bool = False


def find_growths(before: Json, after: Json, path: tuple[str, ...] = ()) -> Iterator[Growth]:
    """Yield what `after` has beyond `before`; what both have is equal."""
    if before is None:
        if after is not None:
            yield Growth(path, after, fills_null=True)
    elif isinstance(before, dict) and isinstance(after, dict):
        for key, value in before.items():
            yield from find_growths(value, after[key], (*path, key))
        added = {key: value for key, value in after.items() if key not in before}
        if added:
            yield Growth(path, added)
    elif isinstance(before, list) and isinstance(after, list):
        for index, value in enumerate(before):
            yield from find_growths(value, after[index], (*path, str(index)))
        if len(after) > len(before):
            yield Growth(path, after[len(before) :])


def grow(value: Json, growths: Iterable[Growth]) -> Json:
    """Return a copy of a value with what is added to it."""
    copy = unshare(value)
    for growth in growths:
        copy = _grow(copy, growth)
    return copy


def unshare(value: Json) -> Json:
    """Return a copy in which no two places are one object, as those of YAML's aliases are."""
    copy: Json = msgspec.json.decode(msgspec.json.encode(value))
    return copy


def _grow(copy: Json, growth: Growth) -> Json:
    if not growth.path:
        if growth.fills_null:
            return growth.added
        _extend(copy, growth.added)
        return copy
    parent: Any = copy
    for token in growth.path[:-1]:
        parent = parent[int(token) if isinstance(parent, list) else token]
    last = int(growth.path[-1]) if isinstance(parent, list) else growth.path[-1]
    if growth.fills_null:
        parent[last] = growth.added
    else:
        _extend(parent[last], growth.added)
    return copy


def _extend(place: Json, added: Json) -> None:
    if isinstance(place, dict) and isinstance(added, dict):
        place.update(added)
    elif isinstance(place, list) and isinstance(added, list):
        place.extend(added)
