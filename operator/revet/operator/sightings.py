"""What the audit has seen, by watches: what it judges, and what stands beside that.

A kind is watched only while some policy has a control that reads it.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from revet.core.errors import ManifestError
from revet.core.ledger import Place
from revet.core.neighbours import NEIGHBOURS, Neighbours, read_neighbour
from revet.operator.feeds import Feeds, Reading
from revet.operator.shelf import Shelf, locate, pack, pack_pod, unpack

_REFUSED_S: Final = 600.0
_READY_S: Final = 0.2

#: Told where something has changed: a namespace, and the object, None where it is all of them.
Touched = Callable[[str, Place | None], None]


class Sightings:
    """Keeps the kinds that are wanted, by a watch of each."""

    def __init__(self, touched: Touched, complain: Callable[[str], None], feeds: Feeds) -> None:
        """Start without a watch."""
        self.name = "audit"
        self.shelf = Shelf()
        self.neighbours = Neighbours(self.is_seen)
        self._touched = touched
        self._complain = complain
        self._feeds = feeds
        self._wanted: frozenset[str] = frozenset()
        self._beside: frozenset[str] = frozenset()

    def want(self, judged: Iterable[str], beside: Iterable[str]) -> None:
        """Say which kinds are judged from now on, and which are looked up."""
        self._beside = frozenset(beside)
        self._wanted = self._beside.union(judged)
        self._feeds.want(self, self._wanted)

    def is_seen(self, kind: str) -> bool:
        """Return whether all objects of a kind are known."""
        return self._feeds.is_listed(self, kind) and not self._feeds.is_refused(kind)

    async def wait(self) -> None:
        """Return when every kind that is wanted was listed, or may not be."""
        while not all(map(self._is_answered, self._wanted)):  # noqa: ASYNC110 -- of many watches
            await asyncio.sleep(_READY_S)

    def take(self, kind: str, packed: bytes) -> tuple[str, Place]:
        """Take in an object; return where it belongs."""
        data = unpack(packed)
        home, place = locate(kind, data)
        if self.shelf.put(home, place, packed):
            self._touched(home, place)
            if kind in NEIGHBOURS:
                self._put_beside(kind, home, data)
        return home, place

    def lose(self, kind: str, home: str, place: Place) -> None:
        """Forget an object."""
        data = self.shelf.get(home, place)
        self.shelf.drop(home, place)
        self._touched(home, place)
        if data is not None and kind in NEIGHBOURS:
            self.neighbours.drop(read_neighbour(kind, data))
            self._touch_around(kind, home)

    def _put_beside(self, kind: str, home: str, data: bytes) -> None:
        try:
            self.neighbours.put(read_neighbour(kind, data))
        except ManifestError as error:
            self._complain(f"it counts as absent: {error}")
        self._touch_around(kind, home)

    def _touch_around(self, kind: str, home: str) -> None:
        """Have looked at again what may be judged by an object: what is in no namespace, by all."""
        if kind in self._beside:
            for each in [home] if home else self.shelf.namespaces:
                self._touched(each, None)

    def read(self, kind: str) -> Reading:
        """Begin to keep a kind."""
        return Reading(_Copy(self, kind), pack_pod if kind == "Pod" else pack, _REFUSED_S)

    def _is_answered(self, kind: str) -> bool:
        """Tell whether a kind was listed, or may not be."""
        return self._feeds.is_listed(self, kind) or self._feeds.is_refused(kind)


class _Copy:
    """What one kind's watch feeds."""

    def __init__(self, sightings: Sightings, kind: str) -> None:
        self._sightings = sightings
        self._kind = kind

    def replace(self, objects: Sequence[bytes]) -> None:
        """Take these objects for all there are."""
        there = {self._sightings.take(self._kind, packed) for packed in objects}
        for home, place in set(self._sightings.shelf.of_kind(self._kind)) - there:
            self._sightings.lose(self._kind, home, place)

    def put(self, data: bytes) -> None:
        """Take an object that is new or has changed."""
        self._sightings.take(self._kind, data)

    def drop(self, data: bytes) -> None:
        """Forget an object."""
        self._sightings.lose(self._kind, *locate(self._kind, data))
