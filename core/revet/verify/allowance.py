"""How much of what strangers push is held in memory at once: a registry must not fill ours."""

from typing import Final, Self

#: What lies beside one image, and is looked at.
MOST_BYTES: Final = 16 * 1024 * 1024


class Allowance:
    """So many bytes, for one image; out of what all share, if there is that."""

    def __init__(self, most: int = MOST_BYTES, shared: Self | None = None) -> None:
        """Start with nothing taken."""
        self._most = most
        self._shared = shared
        self._taken = 0

    def take(self, size: int) -> str:
        """Take some; say why not if that is too much."""
        if size < 0 or self._taken + size > self._most:
            return f"it has, or all beside the image have, more than {self._most} bytes"
        if self._shared is not None and self._shared.take(size):
            return "too much is being read at once, of other images; try again in a moment"
        self._taken += size
        return ""

    def give_back(self) -> None:
        """Give back all that was taken."""
        if self._shared is not None:
            self._shared._taken -= self._taken  # noqa: SLF001 -- it is another of this class
        self._taken = 0
