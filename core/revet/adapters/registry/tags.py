"""What tags stand for, remembered: asked once at a time, and for a while after the registry died.

Only digests are kept, never failures: a registry that is back must not be held against itself.
"""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from revet.adapters.registry.client import Digest
from revet.adapters.registry.error import RegistryError

#: How long an answer is as good as new: a tag that was moved counts soon, a hundred pods ask once.
FRESH_S: Final = 15.0
#: How long one is better than none.
STALE_S: Final = 24 * 3600.0
_MOST: Final = 10_000
#: With mirrors, logins and redirects one question can be many requests.
_LONGEST_S: Final = 30.0
_MOST_RUNNING: Final = 1_000


@dataclass(frozen=True, slots=True)
class Known:
    """What a tag stands for; `age_s` is 0 where the registry has just said so."""

    digest: Digest
    age_s: float = 0.0


class Tags:
    """Remembers digests by whatever tells one question from another."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Start empty; `clock` is the event loop's."""
        self._clock = clock
        self._known: OrderedDict[Hashable, tuple[Digest, float]] = OrderedDict()
        self._running: dict[Hashable, asyncio.Task[Digest]] = {}
        self._waiting: Counter[str] = Counter()

    def remembered(self, key: Hashable) -> Known | None:
        """Return what was said last, unless that is too long ago."""
        known = self._known.get(key)
        if known is None or self._clock() - known[1] > STALE_S:
            return None
        return Known(known[0], self._clock() - known[1])

    def fresh(self, key: Hashable, pinned: str = "") -> Known | None:
        """Return what was said just now; None also where it is not what was `pinned`."""
        known = self.remembered(key)
        if known is None or known.age_s > FRESH_S or pinned not in {"", known.digest}:
            return None
        return Known(known.digest)

    async def ask(self, host: str, key: Hashable, ask: Callable[[], Awaitable[Digest]]) -> Known:
        """Ask a registry; who comes while one asks already, waits for the same answer.

        Whoever gives up waiting stops nobody: the answer is then there for the next one.

        Raises:
            RegistryError: what `ask` raises.
            TimeoutError: nobody answered for half a minute.

        """
        task = self._running.get(key)
        if task is None:
            # Of each registry: one that is slow must not be in the way of the others.
            if self._waiting[host] >= _MOST_RUNNING:
                raise RegistryError(host, 0, "too many are asking it at once")
            task = asyncio.ensure_future(self._ask(key, ask))
            self._running[key] = task
            self._waiting[host] += 1
            task.add_done_callback(lambda done: self._end(host, key, done))
        return Known(await asyncio.shield(task))

    async def close(self) -> None:
        """Stop asking."""
        for task in self._running.values():
            task.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def _ask(self, key: Hashable, ask: Callable[[], Awaitable[Digest]]) -> Digest:
        try:
            async with asyncio.timeout(_LONGEST_S):
                digest = await ask()
        except RegistryError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                self._known.pop(key, None)  # it says that there is none: no outage
            raise
        self._known[key] = (digest, self._clock())
        self._known.move_to_end(key)
        if len(self._known) > _MOST:
            self._known.popitem(last=False)
        return digest

    def _end(self, host: str, key: Hashable, task: asyncio.Task[Digest]) -> None:
        del self._running[key]
        self._waiting[host] -= 1
        if not self._waiting[host]:
            del self._waiting[host]
        if not task.cancelled():
            task.exception()  # who waited has it; that nobody did is no error
