"""The work queue: each key once, at the earliest time that anybody asked for."""

import asyncio
from collections.abc import Callable, Iterable

from revet.operator.picture import Key


class Queue:
    """Keys that are due, or will be."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Start empty; `clock` is the event loop's."""
        self._clock = clock
        self._due: dict[Key, float] = {}
        self._news = asyncio.Event()

    def add(self, key: Key, after_s: float = 0.0) -> None:
        """Have a key looked at after some seconds, or earlier if it is due earlier already."""
        due = self._clock() + after_s
        if due < self._due.get(key, float("inf")):
            self._due[key] = due
            self._news.set()

    def add_all(self, keys: Iterable[Key]) -> None:
        """Have keys looked at now."""
        for key in keys:
            self.add(key)

    async def get(self) -> Key:
        """Wait for a key that is due, and take it."""
        while True:
            now = self._clock()
            key = min(self._due, key=self._due.__getitem__, default=None)
            if key is not None and self._due[key] <= now:
                del self._due[key]
                return key
            self._news.clear()
            try:
                async with asyncio.timeout(None if key is None else self._due[key] - now):
                    await self._news.wait()
            except TimeoutError:
                continue
