"""What came of one part of a namespace's baselines; a status tells of it."""

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Outcome:
    """What came of one part in one namespace.

    Attributes:
        pending: the policies for which it does not stand.
        notes: by policy, what others have written and counts in place of ours, or why it is left.
        conflicts: contradictions in words, each with the policies that it is between.
        problems: what could not be written or deleted, and why.

    """

    pending: set[str] = field(default_factory=set[str])
    notes: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    conflicts: list[tuple[tuple[str, ...], str]] = field(
        default_factory=list[tuple[tuple[str, ...], str]]
    )
    problems: list[str] = field(default_factory=list[str])

    def note(self, policies: Iterable[str], text: str) -> None:
        """Note a thing for some policies."""
        for policy in policies:
            self.notes.setdefault(policy, []).append(text)
