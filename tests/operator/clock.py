"""A clock that the test moves."""

from dataclasses import dataclass


@dataclass
class Clock:
    """Tells the seconds that the test says."""

    now: float = 100.0

    def __call__(self) -> float:
        """Tell the time."""
        return self.now
