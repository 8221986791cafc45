"""Watchers of several kinds, each of which runs only while somebody needs what it tells."""

import asyncio
from collections.abc import Callable, Iterable
from typing import NamedTuple

from revet.adapters.kube import Collection, Kube
from revet.adapters.watcher import Copy, Freshness, Watcher


class Opened(NamedTuple):
    """What is watched of a kind, what the watch feeds, and how fresh that is."""

    collection: Collection
    copy: Copy
    freshness: Freshness


class Watches:
    """Opens and closes watchers as they are wanted."""

    def __init__(
        self,
        opened: Callable[[str], Opened],
        closed: Callable[[str], None],
        complain: Callable[[str], None],
    ) -> None:
        """Start without a watch; `opened` and `closed` are called when a kind's begins and ends."""
        self._opened = opened
        self._closed = closed
        self._complain = complain
        self._wishes = asyncio.Event()
        self.wanted: frozenset[str] = frozenset()

    def want(self, kinds: Iterable[str]) -> None:
        """Say which kinds are needed from now on."""
        wanted = frozenset(kinds)
        if wanted != self.wanted:
            self.wanted = wanted
            self._wishes.set()

    async def run(self, kube: Kube) -> None:
        """Watch what is needed, until cancelled."""
        running: dict[str, asyncio.Task[None]] = {}
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._wishes.clear()
                for kind in running.keys() - self.wanted:
                    running.pop(kind).cancel()
                    self._closed(kind)
                for kind in sorted(self.wanted - running.keys()):
                    watcher = Watcher(kube, *self._opened(kind), self._complain)
                    running[kind] = tasks.create_task(watcher.run())
                await self._wishes.wait()
