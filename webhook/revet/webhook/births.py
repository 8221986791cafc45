"""Namespaces that are just made: pods wait there for what policies have written into them.

The mark is what our own watches show, never a note that somebody could write. So is the age: it
counts from when our watch told of the namespace; of one that stood when we started, from its
creation, which the API server writes. Why: docs/adr/0013-pods-wait-for-baselines.md
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from revet.core.compiled_policy import Applied
from revet.core.expectation import Expectation
from revet.core.model.meta import Manifest
from revet.core.model.mode import Mode
from revet.core.model.selector import Labels
from revet.core.neighbours import Neighbours

#: So long pods are held back; then the operator is taken for dead, and they come in with a warning.
HELD_S: Final = 60.0
#: The API server's own plugins read what bounds pods from watches as we do, but not at our pace.
_SETTLE_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class Lack:
    """What a namespace lacks; nothing any more, where it came too late for the pod in question.

    Attributes:
        missing: what, in words.
        policies: which policies ask for it.
        holds: whether the pod is held back; else it is only told.

    """

    missing: tuple[str, ...]
    policies: tuple[str, ...]
    holds: bool

    def describe(self, title: str, namespace: str) -> str:
        """Say why a pod is held back, or what is wrong where it came in."""
        asked = f"(policy {', '.join(self.policies)})"
        if not self.missing:
            return (
                f"{title} is held back: what policies write into the new namespace {namespace}"
                f" {asked} came a moment after it; try again"
            )
        missing = f"{', '.join(self.missing)} {asked}"
        if self.holds:
            return (
                f"{title} is held back: the namespace {namespace} is new and has not got yet:"
                f" {missing}. Revet's operator writes it within seconds; try again"
            )
        return f"the namespace {namespace} lacks {missing}: is Revet's operator running?"


class Births:
    """Knows how young each namespace is, and what it still lacks."""

    def __init__(
        self,
        neighbours: Neighbours,
        clock: Callable[[], float],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Start empty; `clock` is the event loop's, `now` is asked of namespaces in a list only."""
        self._neighbours = neighbours
        self._clock = clock
        self._now = now
        self._held_until: dict[str, float] = {}
        #: When what the API server's plugins read came or changed last, where pods are held.
        self._changed_at: dict[str, float] = {}
        #: Where nothing is missing, with the policies that this was found for; till a change.
        self._complete: dict[str, frozenset[str]] = {}
        #: What is expected of namespaces, by the policy's name.
        self.expected: dict[str, Expectation] = {}
        #: The LimitRanges that policies ask for, enforced or not, by the policy's name.
        self.limits: dict[str, Manifest] = {}

    def see_listed(self, created: Mapping[str, str | None]) -> None:
        """Take in the namespaces of a list, with when they were created."""
        now, today = self._clock(), self._now()
        self._held_until = {
            name: end
            for name, text in created.items()
            if (end := self._held_until.get(name, now + HELD_S - _age_s(text, today))) > now
        }

    def see_new(self, name: str) -> None:
        """Take in a namespace that has just come."""
        now = self._clock()
        self._held_until = {name: end for name, end in self._held_until.items() if end > now}
        self._changed_at = {
            name: at for name, at in self._changed_at.items() if name in self._held_until
        }
        self._held_until[name] = now + HELD_S

    def see_gone(self, name: str) -> None:
        """Forget a namespace: the next one of its name is new."""
        for book in (self._held_until, self._changed_at, self._complete):
            book.pop(name, None)

    def note_change(self, namespace: str, *, settles: bool = True) -> None:
        """Note that something there came, changed or went.

        It `settles` where the API server's own plugins read it, too.
        """
        self._complete.pop(namespace, None)
        if settles and namespace in self._held_until:
            self._changed_at[namespace] = self._clock()

    def forget(self) -> None:
        """Have everything looked at again: anything may have changed."""
        self._complete.clear()

    def time(self) -> float:
        """Tell the time, for a call that arrives."""
        return self._clock()

    async def wait(
        self,
        applied: Sequence[Applied],
        namespace: str,
        labels: Callable[[], Labels],
        news: Callable[[], asyncio.Event],
        arrived: float,
        deadline: float,
    ) -> Lack | None:
        """Wait until the namespace lacks nothing, or until `deadline`; return what it lacks.

        What came after the pod's call has `arrived` counts for the next pod: the API server's
        plugins have completed this one without it.
        """
        expected = dict(self._expected_of(applied))
        names = frozenset(expected)
        if (
            self._complete.get(namespace, frozenset()) == names
            and namespace not in self._held_until
        ):
            return None
        selecting = (each.policy.name for each in applied)
        limits = [self.limits[name] for name in selecting if name in self.limits]
        while expected:
            event = news()
            missing = self._find_missing(expected, namespace, labels(), limits)
            until = self._held_until.get(namespace, 0.0)
            now = self._clock()
            if now >= until:
                self._held_until.pop(namespace, None)
                lasting = {name: missing[name] for name in missing if expected[name].is_kept}
                return _lack(lasting, holds=False) if lasting else None
            settled_at = self._changed_at.get(namespace, float("-inf")) + _SETTLE_S
            if not missing and settled_at <= arrived:
                return None
            if now >= deadline or (not missing and settled_at <= now):
                return _lack(missing or dict.fromkeys(expected, ()), holds=True)
            await _wait_for(event, min(deadline, until, deadline if missing else settled_at))
        return None

    def _find_missing(
        self,
        expected: Mapping[str, Expectation],
        namespace: str,
        labels: Labels,
        limits: Sequence[Manifest],
    ) -> dict[str, Sequence[str]]:
        """Return what is missing, by policy; where nothing is, that is kept till a change."""
        missing: dict[str, Sequence[str]] = {
            name: found
            for name, each in expected.items()
            if (found := each.list_missing(namespace, labels, self._neighbours, limits))
        }
        if not missing:
            self._complete[namespace] = frozenset(expected)
        return missing

    def _expected_of(self, applied: Iterable[Applied]) -> Iterable[tuple[str, Expectation]]:
        for each in applied:
            expectation = self.expected.get(each.policy.name)
            if expectation is not None and each.ceiling is Mode.ENFORCE:
                yield each.policy.name, expectation


def _age_s(created: str | None, today: datetime) -> float:
    """Return the age of a namespace by its creation; a clock that is behind makes none younger."""
    try:
        return max(0.0, (today - datetime.fromisoformat(created or "")).total_seconds())
    except (TypeError, ValueError):
        return HELD_S


def _lack(missing: Mapping[str, Sequence[str]], *, holds: bool) -> Lack:
    texts = dict.fromkeys(text for each in missing.values() for text in each)
    return Lack(tuple(texts), tuple(missing), holds)


async def _wait_for(event: asyncio.Event, until: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout_at(until):
            await event.wait()
