"""When each running image is looked at again: once in a period, spread over it, the first ones now.

Apart from the asking, and without a clock of its own, so that a test can let a period go by.
"""

import heapq
from itertools import count
from typing import Final
from zlib import crc32

from revet.core.verification import ToVerify

#: So soon an image is tried again that could not be told of.
_AGAIN_S: Final = 600.0
_ALL: Final = 2**32


class Roster:
    """Whose turn it is. Times are of whatever clock the caller has, in seconds."""

    def __init__(self, period_s: float) -> None:
        self._period_s = period_s
        self._due: dict[ToVerify, float] = {}
        self._heap: list[tuple[float, str, int, ToVerify]] = []
        self._number = count()

    def add(self, image: ToVerify, now: float) -> None:
        """Take in an image that nobody has looked at yet: its turn has come."""
        self._put(image, now)

    def drop(self, image: ToVerify) -> None:
        """Forget an image."""
        self._due.pop(image, None)
        if len(self._heap) > 2 * len(self._due) + 100:
            self._heap = [each for each in self._heap if self._is_current(each)]
            heapq.heapify(self._heap)

    def next_due(self) -> float:
        """Return when the next turn comes; infinite where there is none."""
        while self._heap and not self._is_current(self._heap[0]):
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else float("inf")

    def take(self) -> ToVerify:
        """Return whose turn is next; it has none until it is put back."""
        self.next_due()
        image = heapq.heappop(self._heap)[-1]
        del self._due[image]
        return image

    def put_back(self, image: ToVerify, now: float, *, is_first: bool, is_told: bool) -> None:
        """Give an image its next turn.

        After the first one that comes sooner, by a part of the period that is the image's own:
        images that came at once, as all do at a start, have their turns apart from then on.
        """
        wait_s = self._period_s
        if not is_told:
            wait_s = min(_AGAIN_S, wait_s)
        elif is_first:
            wait_s *= (1 + crc32(image.image.encode()) / _ALL) / 2
        self._put(image, now + wait_s)

    def put_off(self, image: ToVerify, until: float) -> None:
        """Have an image wait: there was nobody to ask."""
        self._put(image, until)

    def count_late(self, now: float) -> int:
        """Count those whose turn has come."""
        return sum(each <= now for each in self._due.values())

    def _put(self, image: ToVerify, due: float) -> None:
        self._due[image] = due
        # The same image of several policies comes in one go: what was found of it is still there.
        heapq.heappush(self._heap, (due, image.image, next(self._number), image))

    def _is_current(self, each: tuple[float, str, int, ToVerify]) -> bool:
        return self._due.get(each[-1]) == each[0]
