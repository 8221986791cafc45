"""What was found out about images, remembered: for a while as good as new, for longer if need be.

Only what a registry handed over whole is kept: a failure must not be held against one that is back.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Final, NamedTuple

from revet.verify.evidence import Evidence
from revet.verify.verdict import Findings

#: How long findings do without asking: if all is well with them, and if not.
FRESH_S: Final = 600.0
NEW_S: Final = 10.0
#: How long they are better than none.
STALE_S: Final = 24 * 3600.0
_MOST: Final = 10_000
#: What all of them take of memory, about; and one finding, without what was signed.
_MOST_BYTES: Final = 32 * 1024 * 1024
_FINDING_BYTES: Final = 1024
#: What a byte of JSON takes when it is read.
_PER_BYTE: Final = 4


@dataclass(frozen=True, slots=True)
class Known:
    """Findings, and how old they are."""

    findings: Findings
    age_s: float

    @property
    def is_fresh(self) -> bool:
        """Whether they do, if all is well with them."""
        return self.age_s <= FRESH_S

    @property
    def is_new(self) -> bool:
        """Whether they do, even if not: somebody may have signed meanwhile."""
        return self.age_s <= NEW_S


class _Entry(NamedTuple):
    findings: Findings
    since: float
    size: int


class Kept:
    """Remembers findings, the last used the longest."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Start empty; `clock` gives seconds."""
        self._clock = clock
        self._kept: OrderedDict[Hashable, _Entry] = OrderedDict()
        self._bytes = 0

    def find(self, key: Hashable) -> Known | None:
        """Return what was found, unless that is too long ago."""
        kept = self._kept.get(key)
        if kept is None or self._clock() - kept.since > STALE_S:
            return None
        self._kept.move_to_end(key)
        return Known(kept.findings, self._clock() - kept.since)

    def put(self, key: Hashable, findings: Findings) -> None:
        """Keep findings, if they are whole."""
        evidence = (findings.image, *(each for _, each in findings.platforms))
        if any(each.unread for each in evidence):
            return
        self._drop(key)
        self._kept[key] = _Entry(findings, self._clock(), _size(findings))
        self._bytes += self._kept[key].size
        while len(self._kept) > _MOST or (self._bytes > _MOST_BYTES and len(self._kept) > 1):
            self._drop(next(iter(self._kept)))

    def _drop(self, key: Hashable) -> None:
        kept = self._kept.pop(key, None)
        if kept is not None:
            self._bytes -= kept.size


def _size(findings: Findings) -> int:
    evidence = (findings.image, *(each for _, each in findings.platforms))
    return sum(map(_size_of, evidence))


def _size_of(evidence: Evidence) -> int:
    said = sum(each.statement.size for each in evidence.proofs)
    found = 1 + len(evidence.proofs) + len(evidence.flaws)
    return found * _FINDING_BYTES + said * _PER_BYTE
