"""All that the audit has found, by namespace and object: counted for the status, told in reports.

Kept as it was found, so that a change of one object costs no look at all the others.
"""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final

from revet.core.audit import Found, Record, Tally

#: Kind and name.
Place = tuple[str, str]

_MOST_SHARED: Final = 20_000


class Ledger:
    """What each policy finds on each object."""

    def __init__(self) -> None:
        """Start empty."""
        self._records: dict[str, dict[Place, tuple[Record, ...]]] = {}
        #: Pods of one workload, and workloads of one pattern, break the same rules in the same
        #: words: most of the memory would be copies.
        self._shared: dict[tuple[Found, ...], tuple[Found, ...]] = {}

    def put(self, namespace: str, place: Place, records: Iterable[Record]) -> set[str]:
        """Take what is found on an object now; return the policies to which that is news."""
        kept = self._records.setdefault(namespace, {})
        before = kept.get(place, ())
        after = tuple(each._replace(found=self._share(each.found)) for each in records)
        if after == before:
            return set()
        if after:
            kept[place] = after
        else:
            self._forget(namespace, place)
        return {each.policy for each in set(before) ^ set(after)}

    def drop(self, namespace: str, place: Place) -> set[str]:
        """Forget an object; return the policies to which that is news."""
        return {each.policy for each in self._forget(namespace, place)}

    def places(self, namespace: str) -> list[Place]:
        """Return the objects of a namespace that some policy selects."""
        return list(self._records.get(namespace, ()))

    def records(self, policy: str, namespace: str) -> Iterator[Record]:
        """Return what a policy finds on each object of a namespace."""
        several = chain.from_iterable(self._records.get(namespace, {}).values())
        return (each for each in several if each.policy == policy)

    def tally(self, policy: str) -> Iterator[Tally]:
        """Count what a policy finds, a namespace at a time; the last one counts all of them."""
        tally = Tally()
        yield tally
        for namespace in list(self._records):
            for record in self.records(policy, namespace):
                tally.add(namespace, record)
            yield tally

    def _forget(self, namespace: str, place: Place) -> tuple[Record, ...]:
        kept = self._records.get(namespace, {})
        before = kept.pop(place, ())
        if not kept:
            self._records.pop(namespace, None)
        return before

    def _share(self, found: tuple[Found, ...]) -> tuple[Found, ...]:
        if len(self._shared) > _MOST_SHARED:
            self._shared.clear()
        return self._shared.setdefault(found, found)
