"""What a finding leads to, in policies and in verdicts alike."""

from enum import StrEnum


class Mode(StrEnum):
    """What a finding leads to, least first; ordered so, that a ceiling is a minimum."""

    DISABLED = "Disabled"
    AUDIT = "Audit"
    WARN = "Warn"
    ENFORCE = "Enforce"

    @property
    def rank(self) -> int:
        """The place in the order from Disabled (0) to Enforce (3)."""
        return _RANKS[self]

    # As texts they would sort by the alphabet, which means nothing here.
    def __lt__(self, other: str) -> bool:
        return self.rank < Mode(other).rank

    def __le__(self, other: str) -> bool:
        return self.rank <= Mode(other).rank

    def __gt__(self, other: str) -> bool:
        return self.rank > Mode(other).rank

    def __ge__(self, other: str) -> bool:
        return self.rank >= Mode(other).rank


# Ceilings are compared for every finding.
_RANKS = {mode: rank for rank, mode in enumerate(Mode)}
