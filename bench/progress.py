"""Says on stderr what is being measured, since a bench is silent for minutes."""

import sys
from types import TracebackType
from typing import Self


class Progress:
    """Counts steps: on one live line for a terminal, else one line for the whole."""

    def __init__(self, what: str, steps: int) -> None:
        self._what = what
        self._steps = steps
        self._done = 0
        self._is_live = sys.stderr.isatty()

    def __enter__(self) -> Self:
        if not self._is_live:
            print(f"measuring {self._what}: {self._steps} runs ...", file=sys.stderr, flush=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._is_live:
            print("\r\033[K", end="", file=sys.stderr, flush=True)

    def step(self, name: str) -> None:
        """Say what comes next."""
        self._done += 1
        if self._is_live:
            text = f"\r\033[Kmeasuring {self._what}: {self._done}/{self._steps} {name}"
            print(text, end="", file=sys.stderr, flush=True)
