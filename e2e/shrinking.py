"""Makes a pod that shows a fault as small as it can be; apart, for it knows of no pods."""

from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy

from e2e.dice import Json, Object


def shrink(document: Object, still_shows: Callable[[Sequence[Object]], Sequence[bool]]) -> Object:
    """Drop fields and items, the largest first, for as long as what is left shows the fault."""
    while True:
        candidates = list(_without_one(document))
        shown = still_shows(candidates)
        smaller = next((each for each, yes in zip(candidates, shown, strict=True) if yes), None)
        if smaller is None:
            return document
        document = smaller


def _without_one(document: Object) -> Iterator[Object]:
    """Give copies of the document, each without one field or item; outer ones come first."""
    for path in sorted(_paths(document), key=len):
        copy = deepcopy(document)
        parent: Json = copy
        for step in path[:-1]:
            parent = parent[step]
        del parent[path[-1]]
        yield copy


def _paths(value: Json) -> Iterator[tuple[str | int, ...]]:
    steps = value if isinstance(value, dict) else range(len(value) if _is_list(value) else 0)
    for step in steps:
        yield (step,)
        for path in _paths(value[step]):
            yield (step, *path)


def _is_list(value: Json) -> bool:
    return isinstance(value, list)
