"""Folds what was just observed into the conditions that a status has; equal: nothing to write."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final, NamedTuple

from revet.core.model.condition import Condition, Truth

#: The order in which a status lists them; others come after these, by name.
ORDER: Final = (
    "Accepted",
    "Ready",
    "Enforcing",
    "NetworkIsolated",
    "NetworkEnforced",
    "BaselineApplied",
    "SignersUsable",
    "ImagesVerified",
    "Compliant",
    "RuntimeViolations",
    "RuntimeFeedHealthy",
    "Drifted",
    "Conflicting",
    "BreakGlass",
)
_LONGEST_MESSAGE: Final = 32768


class Observed(NamedTuple):
    """One thing that was just observed."""

    type: str
    truth: Truth
    reason: str
    message: str


def fold(
    old: Iterable[Condition], new: Iterable[Observed], generation: int, now: datetime
) -> tuple[Condition, ...]:
    """Return the conditions to write: those of `new`, in an order that never moves.

    lastTransitionTime moves only where the status does, and `now` counts to the second, as the API
    server stores it.
    """
    since = {each.type: each for each in old}
    folded = (_fold(since.get(each.type), each, generation, now) for each in new)
    return tuple(sorted(folded, key=rank))


def _fold(old: Condition | None, new: Observed, generation: int, now: datetime) -> Condition:
    is_same = old is not None and old.status is new.truth
    return Condition(
        type=new.type,
        status=new.truth,
        observed_generation=generation,
        last_transition_time=(
            old.last_transition_time if old and is_same else now.replace(microsecond=0)
        ),
        reason=new.reason,
        message=new.message[:_LONGEST_MESSAGE],
    )


def rank(condition: Condition) -> tuple[int, str]:
    """Return what conditions are sorted by."""
    kind = condition.type
    return (ORDER.index(kind) if kind in ORDER else len(ORDER), kind)
