"""How often something may be told about one object: a burst, then now and then, as in client-go.

Without it an attacker, or a rule that is noise, would flood the Events of a namespace.
"""

from collections import OrderedDict
from typing import Final

BURST: Final = 25
REFILL_S: Final = 300.0
_MOST_OBJECTS: Final = 4096


class Brakes:
    """A bucket of tokens for each object; the objects longest not told of are forgotten."""

    def __init__(self, burst: int = BURST, refill_s: float = REFILL_S) -> None:
        """Set up: so many at once, then one each `refill_s` seconds."""
        self._burst = burst
        self._refill_s = refill_s
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def allow(self, key: str, now: float) -> bool:
        """Tell whether one more may be told about an object, and count it."""
        left, at = self._left.get(key, (float(self._burst), now))
        left = min(float(self._burst), left + (now - at) / self._refill_s)
        allowed = left >= 1
        self._left[key] = (left - 1 if allowed else left, now)
        self._left.move_to_end(key)
        if len(self._left) > _MOST_OBJECTS:
            self._left.popitem(last=False)
        return allowed
