"""The work queue: each key once, at the earliest time that anybody asked for, to one worker."""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from heapq import heappop, heappush
from itertools import count

from revet.operator.picture import Key


class Queue:
    """Keys that are due, or will be. Whoever takes one gives it back when it is done with."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Start empty; `clock` is the event loop's."""
        self._clock = clock
        self._due: dict[Key, float] = {}
        #: The same as a heap, in the order in which they came where several are due at once; what
        #: is not in `_due` any more is passed over.
        self._order: list[tuple[float, int, Key]] = []
        self._number = count()
        self._taken: set[Key] = set()
        self._taken_at = clock()
        self._news = asyncio.Event()
        self._rested_at = clock()
        self._rest = asyncio.Event()

    def add(self, key: Key, after_s: float = 0.0) -> None:
        """Have a key looked at after some seconds, or earlier if it is due earlier already."""
        if not self._is_busy():
            self._rested_at = self._clock()
        due = self._clock() + after_s
        if due < self._due.get(key, float("inf")):
            self._due[key] = due
            if key not in self._taken:
                self._line_up(key)

    def add_all(self, keys: Iterable[Key]) -> None:
        """Have keys looked at now, namespaces last.

        What is asked for a whole policy waits for lists, and the namespaces are done meanwhile.
        """
        for key in sorted(keys, key=_is_namespace):
            self.add(key)

    async def get(self) -> Key:
        """Wait for a key that is due, and take it; nobody else gets it until it is done."""
        while True:
            wait_s = self._wait_s()
            if wait_s is not None and wait_s <= 0:
                self._rested_at = self._busy_since()
                _, _, key = heappop(self._order)
                del self._due[key]
                self._taken.add(key)
                self._taken_at = self._clock()
                return key
            self._news.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._news.wait()

    def done(self, key: Key) -> None:
        """Give back a key that was taken; it may have been asked for again meanwhile."""
        self._taken.discard(key)
        if key in self._due:
            self._line_up(key)
        if not self._is_busy():
            self._rested_at = self._clock()
            self._rest.set()

    async def rest(self, at_most_s: float) -> None:
        """Wait until nothing is due or taken; not where that was so for long enough already."""
        while self._is_busy() and (left_s := self._busy_since() + at_most_s - self._clock()) > 0:
            self._rest.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(left_s):
                    await self._rest.wait()

    @property
    def late_s(self) -> float:
        """For how long the key that is due first has been so."""
        return max(0.0, -(self._wait_s() or 0.0))

    @property
    def stalled_s(self) -> float:
        """For how long no key was taken, though one was due."""
        return min(self.late_s, self._clock() - self._taken_at)

    def _is_busy(self) -> bool:
        wait_s = self._wait_s()
        return bool(self._taken) or (wait_s is not None and wait_s <= 0)

    def _busy_since(self) -> float:
        """Return when the last rest ended; what was asked for later only ends it when it is due."""
        if self._taken or self._wait_s() is None:
            return self._rested_at
        return max(self._rested_at, self._order[0][0])

    def _line_up(self, key: Key) -> None:
        heappush(self._order, (self._due[key], next(self._number), key))
        self._news.set()

    def _wait_s(self) -> float | None:
        """Return the time until a key is due that nobody has taken, None if there is none."""
        while self._order:
            due, _, key = self._order[0]
            if self._due.get(key) == due and key not in self._taken:
                return due - self._clock()
            heappop(self._order)
        return None


def _is_namespace(key: Key) -> bool:
    return key.about == "namespace"
