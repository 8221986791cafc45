"""What stands beside the objects that are judged: copied from watches, run only while needed.

A policy decides what is needed: whoever has no control that asks for bindings need not watch them.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from revet.adapters.kube import Collection, Kube
from revet.adapters.watcher import Freshness
from revet.adapters.watches import Opened, Watches
from revet.core.errors import ManifestError
from revet.core.item import Item
from revet.core.neighbours import NEIGHBOURS, Neighbours, read_neighbour


class NeighbourCopy:
    """The objects of one kind, fed into the store that all kinds share."""

    def __init__(
        self,
        kind: str,
        neighbours: Neighbours,
        changed: Callable[[], None],
        complain: Callable[[str], None],
        note: Callable[[Item[Any] | None], None],
    ) -> None:
        """Set up; `changed` is called after each change, `complain` told what can't be read.

        `note` is told of what came, went, or changed in what is read of it; None: after a list.
        """
        self._note = note
        self._kind = kind
        self._neighbours = neighbours
        self._changed = changed
        self._complain = complain

    def replace(self, objects: Sequence[bytes]) -> None:
        """Take these objects for all there are."""
        items = (self._read(data) for data in objects)
        self._neighbours.replace(self._kind, (item for item in items if item is not None))
        self._note(None)
        self._changed()

    def put(self, data: bytes) -> None:
        """Take an object that is new or has changed."""
        item = self._read(data)
        if item is not None:
            if self._neighbours.put(item):
                self._note(item)
            self._changed()

    def drop(self, data: bytes) -> None:
        """Forget an object."""
        item = self._read(data)
        if item is not None:
            self._neighbours.drop(item)
            self._note(item)
            self._changed()

    def _read(self, data: bytes) -> Item[Any] | None:
        try:
            return read_neighbour(self._kind, data)
        except ManifestError as error:
            self._complain(f"an object can't be read, it counts as absent: {error}")
            return None


class Beside:
    """The store of what stands beside, and the watches that feed it."""

    def __init__(
        self,
        changed: Callable[[], None],
        complain: Callable[[str], None],
        clock: Callable[[], float],
        stale_after_s: float,
        note: Callable[[Item[Any] | None], None] = lambda _: None,
    ) -> None:
        """Start without a watch; what was not heard of for `stale_after_s` is unknown again."""
        self._note = note
        self._changed = changed
        self._complain = complain
        self._clock = clock
        self._stale_after_s = stale_after_s
        self._watches = Watches[str](self._open, self.close, complain)
        self.freshness: dict[str, Freshness] = {}
        self.neighbours = Neighbours(self.is_seen)

    def want(self, kinds: Iterable[str]) -> None:
        """Say which kinds are needed from now on."""
        self._watches.want(kinds)

    def unlisted(self) -> list[str]:
        """Return the kinds that are needed, and were not yet listed."""
        return sorted(
            kind
            for kind in self._watches.wanted
            if kind not in self.freshness or not self.freshness[kind].is_synced
        )

    def is_seen(self, kind: str) -> bool:
        """Return whether all objects of a kind are known, as of lately."""
        freshness = self.freshness.get(kind)
        return freshness is not None and freshness.age_s <= self._stale_after_s

    def open(self, kind: str) -> tuple[NeighbourCopy, Freshness]:
        """Begin to keep a kind; return what its watch feeds."""
        freshness = self.freshness[kind] = Freshness(self._clock)
        copy = NeighbourCopy(kind, self.neighbours, self._changed, self._complain, self._note)
        return copy, freshness

    def close(self, kind: str) -> None:
        """Forget all of a kind: nobody tells of it any more."""
        del self.freshness[kind]
        self.neighbours.forget(kind)

    async def run(self, kube: Kube) -> None:
        """Watch what is needed, until cancelled."""
        await self._watches.run(kube)

    def _open(self, kind: str) -> Opened:
        return Opened(Collection(NEIGHBOURS[kind].path), *self.open(kind))
