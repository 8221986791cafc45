"""What an audit counts: what stands, judged as admission would, folded by workload and bounded."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

import msgspec

from revet.core.check import Json
from revet.core.compiled_policy import Applied
from revet.core.decide import Decision, Verdict, decide, decide_item
from revet.core.engine import mend, safe_fixes
from revet.core.item import Item
from revet.core.kinds import BY_NAME
from revet.core.model.catalog import CONTROLS
from revet.core.model.image_facts import NOT_ASKED, ImageFacts
from revet.core.model.mode import Mode
from revet.core.model.pod import Pod
from revet.core.model.policy_status import Counts, TopFinding
from revet.core.pinning import Assumed
from revet.core.surroundings import UNSEEN, Surroundings
from revet.core.workload import Subject

_MIRROR: Final = "kubernetes.io/config.mirror"
_NODE: Final = "Node"
_MOST_FINDINGS: Final = 10
_LONGEST_NAME: Final = 253
_LONGEST_MESSAGE: Final = 1024
_SEVERITY: Final = {control: index for index, control in enumerate(CONTROLS)}

_Rank = tuple[bool, int, str, str, str]


class Found(NamedTuple):
    """One thing that a policy finds on an object, as much of it as is told later."""

    control: str
    message: str
    would_deny: bool
    is_unknown: bool


class Record(NamedTuple):
    """What one policy finds on one object that it selects; `found` may be empty.

    Attributes:
        policy: its name.
        key: what tells workloads apart: pods of one controller have the same.
        api_version: of the workload, for references to it.
        workload: its kind and name.
        holds_pod: whether it counts as a workload.
        found: in the catalog's order.

    """

    policy: str
    key: str
    api_version: str
    workload: str
    holds_pod: bool
    found: tuple[Found, ...]


def inspect(
    subject: Subject | Item[Any],
    document: bytes,
    applied: Sequence[Applied],
    around: Surroundings = UNSEEN,
    *,
    images: ImageFacts = NOT_ASKED,
    is_live: bool = True,
) -> Decision:
    """Judge an object as it is, and tell apart what enforcing would not refuse.

    A finding is spared where the policies' patches, which come only with Enforce, take it away;
    what only the patched pod shows comes last. All of a pod that a node mirrors is spared: refusing
    it would change nothing there. Only what `is_live` can be one, a file may say anything. `images`
    is what is known of the images that run.
    """
    if isinstance(subject, Item):
        item = subject.within(around)
        return decide_item(item, applied, at_most=Mode.ENFORCE, stands=True)
    pod = subject.pod(around, images)
    decision = decide(pod, applied, is_pod=subject.is_pod, at_most=Mode.ENFORCE)
    if not decision.verdicts:
        return decision
    if is_live and is_mirror(subject):
        return Decision(tuple(replace(each, spared=True) for each in decision.verdicts))
    left = _judge_mended(subject, pod, document, applied)
    return decision if left is None else _compare(decision.verdicts, left.verdicts)


class Tally:
    """Counts what one policy finds. A workload counts once, whichever of its pods are seen.

    What some control could not judge is counted apart: it has not passed.
    """

    def __init__(self) -> None:
        self._workloads: set[str] = set()
        self._denied: set[str] = set()
        self._broken: set[str] = set()
        self._unknown: set[str] = set()
        self._top: dict[tuple[str, str, str], tuple[_Rank, TopFinding]] = {}
        #: The last of the top, once it is full.
        self._worst: _Rank | None = None
        #: How many there are of each control; a pod counts, whosever it is.
        self.findings: Counter[str] = Counter()

    def add(self, namespace: str, record: Record) -> None:
        """Count what was found on an object; `namespace` is its own, empty for what is in none."""
        if record.holds_pod:
            self._workloads.add(record.key)
        for each in record.found:
            if each.is_unknown:
                self._unknown.add(record.key)
            else:
                self._broken.add(record.key)
                if each.would_deny:
                    self._denied.add(record.key)
                self._rank(each, namespace, record.workload)
                self.findings[each.control] += 1

    def counts(self, namespaces: int) -> Counts:
        """Return the counts, with the number of namespaces that the policy selects."""
        return Counts(
            namespaces=namespaces,
            workloads=len(self._workloads),
            would_be_denied=len(self._denied),
            non_compliant=len(self._broken),
            not_checked=len(self._unknown),
        )

    def top(self) -> tuple[TopFinding, ...]:
        """Return ten findings: what would deny first, then by control in the catalog's order.

        The same ones in the same order, whichever order the objects came in.
        """
        return tuple(finding for _, finding in sorted(self._top.values(), key=_by_rank))

    def _rank(self, found: Found, namespace: str, workload: str) -> None:
        place = (found.control, namespace, workload)
        order = _SEVERITY[found.control]
        rank = (not found.would_deny, order, namespace, workload, found.message)
        if self._worst is not None and rank >= self._worst:
            return  # most of them: there are ten that concern more
        known = self._top.get(place)
        if known is not None and known[0] <= rank:
            return
        top = TopFinding(
            control=found.control, namespace=namespace, workload=workload, message=found.message
        )
        self._top[place] = (rank, top)
        if len(self._top) > _MOST_FINDINGS:
            del self._top[max(self._top, key=lambda each: self._top[each][0])]
        if len(self._top) == _MOST_FINDINGS:
            self._worst = max(each for each, _ in self._top.values())


def note(
    applied: Applied, subject: Subject | Item[Any], namespace: str, decision: Decision
) -> Record | None:
    """Note what a policy finds on an object; None where it does not select it.

    `namespace` is the object's own, empty for what is in none; `decision` is of all policies.
    """
    policy = applied.policy
    holds_pod = isinstance(subject, Subject)
    if isinstance(subject, Subject) and not policy.selects_pod(_labels(subject)):
        return None
    found = tuple(
        Found(
            verdict.finding.control,
            verdict.finding.message[:_LONGEST_MESSAGE],
            verdict.would_deny,
            verdict.is_unknown,
        )
        for verdict in decision.verdicts
        if verdict.applied.policy.name == policy.name
    )
    return Record(policy.name, *_identify(subject, namespace), holds_pod, found)


def _judge_mended(
    subject: Subject, pod: Pod, document: bytes, applied: Sequence[Applied]
) -> Decision | None:
    """Judge the pod as the policies' patches would make it; None: they would not change it.

    Nobody is asked for digests: those that would be pinned count as pinned. What is known of the
    images that run stays known.
    """
    patching = [
        check
        for each in applied
        if each.policy.selects_pod(pod.labels)
        for check in each.policy.checks
        if check.patch
    ]
    assumed = Assumed(pod.images)
    before = Pod(subject.template, pod.namespace, pod.around, assumed)
    if not any(True for _ in safe_fixes(before, patching)):
        return None
    parsed: Json = msgspec.json.decode(document)
    template = mend(parsed, subject.prefix, patching, assumed)[0]
    mended = Pod(template, pod.namespace, pod.around, pod.images)
    return decide(mended, applied, is_pod=subject.is_pod, at_most=Mode.ENFORCE)


def _compare(before: Sequence[Verdict], left: Sequence[Verdict]) -> Decision:
    """Spare what the patches take away, and add what they show."""
    known, broken = {_key(each) for each in before}, {_key(each) for each in left}
    shown = tuple(each for each in left if _key(each) not in known)
    return Decision((*(replace(each, spared=_key(each) not in broken) for each in before), *shown))


def _key(verdict: Verdict) -> tuple[str, str, str]:
    finding = verdict.finding
    return verdict.applied.policy.name, finding.control, finding.pointer


def _by_rank(item: tuple[_Rank, TopFinding]) -> _Rank:
    return item[0]


def _labels(subject: Subject) -> dict[str, str]:
    metadata = subject.template.metadata
    return (metadata.labels if metadata is not None else None) or {}


def is_mirror(subject: Subject) -> bool:
    """Return whether a pod is one that a node runs by itself, as far as what stands can tell."""
    controller = subject.metadata.controller
    annotations = subject.metadata.annotations or {}
    return controller is not None and controller.kind == _NODE and _MIRROR in annotations


def _identify(subject: Subject | Item[Any], namespace: str) -> tuple[str, str, str]:
    """Return what tells workloads apart, and the workload's apiVersion, and its kind and name."""
    metadata = subject.metadata
    controller = metadata.controller if isinstance(subject, Subject) else None
    # The pods that a node mirrors share an owner, but are not one workload.
    if controller is not None and controller.uid and controller.kind != _NODE:
        workload = f"{controller.kind}/{controller.name}"[:_LONGEST_NAME]
        return controller.uid, controller.api_version, workload
    workload = f"{subject.kind}/{metadata.name or metadata.generate_name or ''}"
    api_version = BY_NAME[subject.kind].api_version
    return f"{namespace}/{workload}", api_version, workload[:_LONGEST_NAME]
