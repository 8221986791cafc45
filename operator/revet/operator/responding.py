"""What all responses to findings share: where anything may be done, and whose turn it is."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from revet.operator.context import Context
from revet.operator.picture import PolicySeen

#: What is looked at is not looked at again for so long, whatever else is told of it.
_REST_S: Final = 60.0
_AGAIN_S: Final = (1.0, 2.0, 5.0, 15.0, 30.0)
MOST_WAITING: Final = 256
_MOST_REMEMBERED: Final = 4096

T = TypeVar("T")


def may_respond(context: Context, seen: PolicySeen, namespace: str) -> bool:
    """Tell whether a policy may answer to what happens in a namespace."""
    known = context.picture.namespaces.get(namespace)
    if known is None or not seen.is_kept or seen.compiled is None:
        return False
    system = context.settings.system_namespaces
    if namespace in system or known.hands_off:
        return False
    return seen.compiled.ceiling(namespace, known.labels, system) is not None


@dataclass(slots=True)
class Turn(Generic[T]):
    """Something to look at, when, and how often that has failed."""

    which: Hashable
    case: T
    due: float
    failures: int = 0


class Turns(Generic[T]):
    """What waits to be looked at: bounded, once a minute at most, later each time that it fails."""

    def __init__(self, now: Callable[[], float]) -> None:
        """Set up; nothing waits."""
        self._now = now
        self._looked_at: OrderedDict[Hashable, float] = OrderedDict()
        self.waiting: dict[Hashable, Turn[T]] = {}
        self.news = asyncio.Event()

    def offer(self, which: Hashable, case: T) -> bool:
        """Have something looked at, unless it was of late; tell whether there was room."""
        now = self._now()
        rests = now - self._looked_at.get(which, -_REST_S) < _REST_S
        if rests or which in self.waiting:
            return True
        if len(self.waiting) >= MOST_WAITING:
            return False
        self.waiting[which] = Turn(which, case, now)
        self.news.set()
        return True

    def due(self) -> list[Turn[T]]:
        """Return whose turn it is."""
        self.news.clear()
        now = self._now()
        return [turn for turn in self.waiting.values() if turn.due <= now]

    async def wait(self) -> None:
        """Wait until something may be due."""
        ends = (turn.due for turn in self.waiting.values())
        wait_s = min(ends, default=float("inf")) - self._now()
        try:
            async with asyncio.timeout(None if wait_s == float("inf") else wait_s):
                await self.news.wait()
        except TimeoutError:
            return

    def postpone(self, turn: Turn[T]) -> bool:
        """Have it looked at later; tell whether it may still come out well."""
        if turn.failures >= len(_AGAIN_S):
            return False
        turn.due = self._now() + _AGAIN_S[turn.failures]
        turn.failures += 1
        return True

    def settle(self, turn: Turn[T]) -> None:
        """Have it rest."""
        self.waiting.pop(turn.which, None)
        self._looked_at[turn.which] = self._now()
        self._looked_at.move_to_end(turn.which)
        if len(self._looked_at) > _MOST_REMEMBERED:
            self._looked_at.popitem(last=False)
