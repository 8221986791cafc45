"""Findings by signature: what absorbs a storm. Bounded; the most severe and newest are kept."""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec

from revet.core.model.policy_runtime import Effect, Severity, Source
from revet.core.runtime.event import RANKS

MOST_OF_POLICY: Final = 500
MOST: Final = 5000
MOST_SUSPECTS: Final = 8


class Signature(NamedTuple):
    """What makes two events the same finding."""

    policy: str
    source: str
    rule: str
    namespace: str
    kind: str
    workload: str
    container: str
    executable: str


class Suspect(msgspec.Struct, frozen=True):
    """A pod of which a sender has told that has proven to speak for the pod's node.

    Only what such a one says is ever answered by doing something.
    """

    pod: str
    uid: str
    severity: Severity
    at: float


class Finding(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What is kept of all events of one signature; the names are those of RuntimeEvent.

    `policy` is the policy's uid: another one of the same name has nothing to do with it.
    `pod`, `pod_uid`, `node` and `process` are of the newest event. `version` rises with each change
    of any finding: who has seen some version asks for what is newer. `suspects` are of the newest
    events, one of each pod.
    """

    policy: str
    policy_name: str = ""
    source: Source
    rule: str
    namespace: str = ""
    kind: str = ""
    workload: str = ""
    container: str = ""
    executable: str = ""
    severity: Severity = Severity.MEDIUM
    effect: Effect = Effect.OBSERVED
    tags: tuple[str, ...] = ()
    tracing_policy: str = ""
    is_routine: bool = False
    pod: str = ""
    pod_uid: str = ""
    node: str = ""
    process: str = ""
    suspects: tuple[Suspect, ...] = ()
    count: int = 0
    first: float = 0.0
    last: float = 0.0
    version: int = 0

    @property
    def signature(self) -> Signature:
        """What makes two the same."""
        return Signature(
            self.policy,
            self.source,
            self.rule,
            self.namespace,
            self.kind,
            self.workload,
            self.container,
            self.executable,
        )


class Omitted(msgspec.Struct):
    """What of a policy's findings there was no room for: how many events, and the newest."""

    policy: str  # the uid
    severity: Severity
    count: int = 0
    last: float = 0.0
    version: int = 0


_Places = dict[Severity, OrderedDict[Signature, Finding]]


class Findings:
    """The findings of all policies."""

    def __init__(self, most_of_policy: int = MOST_OF_POLICY, most: int = MOST) -> None:
        """Start empty; a policy has at most so many, and all have at most so many."""
        self._most_of_policy = most_of_policy
        self._most = most
        self._found: dict[Signature, Finding] = {}
        self._of: dict[str, _Places] = {}
        self._sizes: dict[str, int] = {}
        self._omitted: dict[tuple[str, Severity], Omitted] = {}
        self.version = 0

    def __len__(self) -> int:
        return len(self._found)

    def add(self, event: Finding) -> Finding:
        """Take in a finding: what is known of the same signature, with this added to it."""
        self.version += 1
        signature = event.signature
        known = self._found.get(signature)
        if known is None:
            self._found[signature] = event
            self._sizes[event.policy] = self._sizes.get(event.policy, 0) + 1
        else:
            self._of[known.policy][known.severity].pop(signature)
            _join(known, event)
            event = known
        event.version = self.version
        places = self._of.setdefault(event.policy, {})
        places.setdefault(event.severity, OrderedDict())[signature] = event
        if self._sizes[event.policy] > self._most_of_policy:
            self._omit(event.policy)
        elif len(self._found) > self._most:
            self._omit(max(self._sizes, key=lambda name: self._sizes[name]))
        return event

    def get(self, signature: Signature) -> Finding | None:
        """Return the finding of a signature, None where there is none."""
        return self._found.get(signature)

    def of(self, policy: str) -> Iterator[Finding]:
        """Return a policy's findings, the most severe and newest first."""
        places = self._of.get(policy, {})
        for severity in sorted(places, key=RANKS.__getitem__, reverse=True):
            yield from reversed(places[severity].values())

    def omitted(self, policy: str) -> list[Omitted]:
        """Return what there was no room for, by severity."""
        return [each for (name, _), each in self._omitted.items() if name == policy]

    def since(self, version: int) -> tuple[list[Finding], list[Omitted]]:
        """Return what has changed after a version."""
        if version == self.version:
            return [], []
        return (
            [each for each in self._found.values() if each.version > version],
            [each for each in self._omitted.values() if each.version > version],
        )

    def note_omitted(self, more: Omitted) -> None:
        """Take in what somebody else had no room for."""
        self.version += 1
        known = self._omitted.setdefault(
            (more.policy, more.severity), Omitted(more.policy, more.severity)
        )
        known.count += more.count
        known.last = max(known.last, more.last)
        known.version = self.version

    def expire(self, policy: str, before: float) -> int:
        """Forget a policy's findings that are older; return how many."""
        old = [each for each in self.of(policy) if each.last < before]
        for each in old:
            self._drop(each)
        for severity in Severity:
            omitted = self._omitted.get((policy, severity))
            if omitted is not None and omitted.last < before:
                del self._omitted[policy, severity]
        return len(old)

    def keep_only(self, policies: set[str]) -> None:
        """Forget the findings of all other policies."""
        for name in self._of.keys() - policies:
            self.expire(name, float("inf"))
            del self._of[name]

    def _omit(self, policy: str) -> None:
        """Drop the oldest of the least severe."""
        places = self._of[policy]
        severity = min((each for each in places if places[each]), key=RANKS.__getitem__)
        finding = next(iter(places[severity].values()))
        self._drop(finding)
        self.note_omitted(Omitted(policy, severity, finding.count, finding.last))

    def _drop(self, finding: Finding) -> None:
        signature = finding.signature
        del self._found[signature]
        self._of[finding.policy][finding.severity].pop(signature)
        self._sizes[finding.policy] -= 1
        if not self._sizes[finding.policy]:
            del self._sizes[finding.policy]


def _join(known: Finding, more: Finding) -> None:
    known.count += more.count
    known.first = min(known.first, more.first)
    known.severity = max(known.severity, more.severity, key=RANKS.__getitem__)
    known.effect = max(known.effect, more.effect, key=tuple(Effect).index)
    if more.suspects:
        known.suspects = _newest((*known.suspects, *more.suspects))
    # An event that comes late is not the newest.
    if more.last >= known.last:
        known.last = more.last
        known.pod, known.pod_uid, known.node = more.pod, more.pod_uid, more.node
        known.process, known.tags = more.process, more.tags


def _newest(suspects: tuple[Suspect, ...]) -> tuple[Suspect, ...]:
    """Keep the newest of each pod, and of so many pods only."""
    found: dict[str, Suspect] = {}
    for each in sorted(suspects, key=lambda each: each.at):
        found.pop(each.uid, None)
        found[each.uid] = each
    return tuple(found.values())[-MOST_SUSPECTS:]
