"""Watchers of several kinds, each of which runs only while somebody needs what it tells."""

import asyncio
from collections.abc import Callable, Iterable
from typing import NamedTuple

from revet.adapters.kube import Collection, Kube
from revet.adapters.watcher import Copy, Freshness, Watcher


class Opened(NamedTuple):
    """What is watched of a kind, what the watch feeds, how fresh that is; the rest as a Watcher."""

    collection: Collection
    copy: Copy
    freshness: Freshness
    trim: Callable[[bytes], bytes] = bytes
    refused_s: float | None = None


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
                    running[kind] = tasks.create_task(self._watcher(kube, kind).run())
                await self._wishes.wait()

    def _watcher(self, kube: Kube, kind: str) -> Watcher:
        opened = self._opened(kind)
        return Watcher(
            kube,
            opened.collection,
            opened.copy,
            opened.freshness,
            self._complain,
            trim=opened.trim,
            refused_s=opened.refused_s,
        )
