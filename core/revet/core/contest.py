"""How soon a contested edit is undone again: at a growing interval, but never given up."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from revet.core.model.meta import FIELD_MANAGER

FIRST_S: Final = 5.0
LONGEST_S: Final = 60.0
PEACE_S: Final = 600.0


@dataclass(frozen=True, slots=True)
class Contest:
    """What is known of one object's edits. Times are seconds of a clock that never goes back.

    Attributes:
        corrections: how often it was corrected since there was peace for the last time.
        at: when it was last corrected.

    """

    corrections: int = 0
    at: float = 0.0

    @property
    def interval(self) -> float:
        """How long to wait after the last correction: nothing, 5 s, 10 s … 60 s."""
        if not self.corrections:
            return 0.0
        # Bounded before it is raised: who contests for a year makes no huge number.
        return min(LONGEST_S, FIRST_S * 2.0 ** min(self.corrections - 1, 16))

    def wait(self, now: float) -> float:
        """Return how many seconds to wait before the object may be corrected; 0: do it now."""
        if self._is_over(now):
            return 0.0
        return max(0.0, self.at + self.interval - now)

    def corrected(self, now: float) -> "Contest":
        """Return the state after a correction, made now."""
        return Contest(1 if self._is_over(now) else self.corrections + 1, now)

    def is_contested(self, now: float) -> bool:
        """Return whether an edit came again after it was undone, and the last one not long ago."""
        return self.corrections > 1 and not self._is_over(now)

    def _is_over(self, now: float) -> bool:
        return not self.corrections or now - self.at >= PEACE_S


def last_manager(live: Mapping[str, Any]) -> str:
    """Return the field manager beside us that wrote the object last; empty if there is none."""
    return _last(each for each in _writers(live) if each.get("manager") != FIELD_MANAGER)


def is_edited(live: Mapping[str, Any]) -> bool:
    """Return whether somebody has written an object of ours after we did."""
    return _last(_writers(live)) not in {"", FIELD_MANAGER}


def _writers(live: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    entries: Sequence[Mapping[str, Any]] = live["metadata"].get("managedFields") or ()
    return (each for each in entries if each.get("subresource") != "status")


def _last(writers: Iterable[Mapping[str, Any]]) -> str:
    # RFC 3339 in UTC, to the second: its texts sort as the times do. The later entry wins a tie.
    latest = max(
        enumerate(writers), key=lambda pair: (pair[1].get("time", ""), pair[0]), default=None
    )
    return "" if latest is None else str(latest[1].get("manager", ""))
