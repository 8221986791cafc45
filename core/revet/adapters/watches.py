"""Watchers of several kinds, each of which runs only while somebody needs what it tells."""

import asyncio
from collections.abc import Callable, Hashable, Iterable
from typing import Generic, NamedTuple, TypeVar

from revet.adapters.kube import Collection, Kube
from revet.adapters.watcher import Copy, Freshness, Watcher

What = TypeVar("What", bound=Hashable)


class Opened(NamedTuple):
    """What is watched of a kind, what the watch feeds, how fresh that is; the rest as a Watcher."""

    collection: Collection
    copy: Copy
    freshness: Freshness
    trim: Callable[[bytes], bytes] = bytes
    refused_s: float | None = None


class Watches(Generic[What]):
    """Opens and closes watchers as they are wanted, each by what it is about: mostly a kind."""

    def __init__(
        self,
        opened: Callable[[What], Opened],
        closed: Callable[[What], None],
        complain: Callable[[str], None],
    ) -> None:
        """Start without a watch; `opened` and `closed` are called when one begins and ends."""
        self._opened = opened
        self._closed = closed
        self._complain = complain
        self._wishes = asyncio.Event()
        self.wanted: frozenset[What] = frozenset()

    def want(self, wanted: Iterable[What]) -> None:
        """Say what is needed from now on."""
        now = frozenset(wanted)
        if now != self.wanted:
            self.wanted = now
            self._wishes.set()

    async def run(self, kube: Kube) -> None:
        """Watch what is needed, until cancelled."""
        running: dict[What, asyncio.Task[None]] = {}
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._wishes.clear()
                for about in running.keys() - self.wanted:
                    running.pop(about).cancel()
                    self._closed(about)
                for about in sorted(self.wanted - running.keys(), key=str):
                    running[about] = tasks.create_task(self._watcher(kube, about).run())
                await self._wishes.wait()

    def _watcher(self, kube: Kube, about: What) -> Watcher:
        opened = self._opened(about)
        return Watcher(
            kube,
            opened.collection,
            opened.copy,
            opened.freshness,
            self._complain,
            trim=opened.trim,
            refused_s=opened.refused_s,
        )
