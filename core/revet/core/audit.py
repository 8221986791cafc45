"""What an audit counts: what stands, judged as admission would, folded by workload and bounded."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import msgspec

from revet.core.check import Json
from revet.core.compiled_policy import Applied
from revet.core.decide import Decision, Verdict, decide, decide_item
from revet.core.engine import mend, safe_fixes
from revet.core.item import Item
from revet.core.model.catalog import CONTROLS
from revet.core.model.mode import Mode
from revet.core.model.pod import Pod
from revet.core.model.policy_status import Counts, TopFinding
from revet.core.pinning import ASSUMED
from revet.core.surroundings import UNSEEN, Surroundings
from revet.core.workload import Subject

_MIRROR: Final = "kubernetes.io/config.mirror"
_NODE: Final = "Node"
_MOST_FINDINGS: Final = 10
_LONGEST_NAME: Final = 253
_LONGEST_MESSAGE: Final = 1024
_SEVERITY: Final = {control: index for index, control in enumerate(CONTROLS)}

_Rank = tuple[bool, int, str, str, str]


def inspect(
    subject: Subject | Item[Any],
    document: bytes,
    applied: Sequence[Applied],
    around: Surroundings = UNSEEN,
    *,
    is_live: bool = True,
) -> Decision:
    """Judge an object as it is, and tell apart what enforcing would not refuse.

    A finding is spared where the policies' patches, which come only with Enforce, take it away;
    what only the patched pod shows comes last. All of a pod that a node mirrors is spared: refusing
    it would change nothing there. Only what `is_live` can be one, a file may say anything.
    """
    if isinstance(subject, Item):
        item = subject.within(around)
        return decide_item(item, applied, at_most=Mode.ENFORCE, stands=True)
    pod = subject.pod(around)
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

    def add(
        self, applied: Applied, subject: Subject | Item[Any], namespace: str, decision: Decision
    ) -> None:
        """Count an object that the policy selects; `decision` is of all policies.

        `namespace` is its own, empty for what is in none.
        """
        policy = applied.policy
        if isinstance(subject, Subject) and not policy.selects_pod(_labels(subject)):
            return
        key, workload = _identify(subject, namespace)
        if isinstance(subject, Subject):
            self._workloads.add(key)
        for verdict in decision.verdicts:
            if verdict.applied.policy.name != policy.name:
                continue
            if verdict.is_unknown:
                self._unknown.add(key)
            else:
                self._broken.add(key)
                if verdict.would_deny:
                    self._denied.add(key)
                self._rank(verdict, namespace, workload)

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

    def _rank(self, verdict: Verdict, namespace: str, workload: str) -> None:
        finding = verdict.finding
        place = (finding.control, namespace, workload)
        message = finding.message[:_LONGEST_MESSAGE]
        rank = (
            not verdict.would_deny,
            _SEVERITY[finding.control],
            namespace,
            workload,
            message,
        )
        known = self._top.get(place)
        if known is not None and known[0] <= rank:
            return
        top = TopFinding(
            control=finding.control, namespace=namespace, workload=workload, message=message
        )
        self._top[place] = (rank, top)
        if len(self._top) > _MOST_FINDINGS:
            del self._top[max(self._top, key=lambda each: self._top[each][0])]


def _judge_mended(
    subject: Subject, pod: Pod, document: bytes, applied: Sequence[Applied]
) -> Decision | None:
    """Judge the pod as the policies' patches would make it; None: they would not change it.

    Nobody is asked for digests: those that would be pinned count as pinned.
    """
    patching = [
        check
        for each in applied
        if each.policy.selects_pod(pod.labels)
        for check in each.policy.checks
        if check.patch
    ]
    assumed = Pod(subject.template, pod.namespace, pod.around, ASSUMED)
    if not any(True for _ in safe_fixes(assumed, patching)):
        return None
    parsed: Json = msgspec.json.decode(document)
    mended = Pod(mend(parsed, subject.prefix, patching, ASSUMED)[0], pod.namespace, pod.around)
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


def _identify(subject: Subject | Item[Any], namespace: str) -> tuple[str, str]:
    """Return what tells workloads apart, and the workload's kind and name for people."""
    metadata = subject.metadata
    controller = metadata.controller if isinstance(subject, Subject) else None
    # The pods that a node mirrors share an owner, but are not one workload.
    if controller is not None and controller.uid and controller.kind != _NODE:
        return controller.uid, f"{controller.kind}/{controller.name}"[:_LONGEST_NAME]
    workload = f"{subject.kind}/{metadata.name or metadata.generate_name or ''}"
    return f"{namespace}/{workload}", workload[:_LONGEST_NAME]
