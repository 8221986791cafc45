"""Which pods are put in quarantine, and what is written on one: within limits, and never twice.

Pure: what stands in the cluster, and the time, are passed in.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final, Self

import msgspec

from revet.core.model.meta import (
    QUARANTINE_LABEL,
    QUARANTINED_ANNOTATION,
    RELEASED_ANNOTATION,
    Manifest,
)
from revet.core.model.policy_runtime import Response
from revet.core.pointer import escape
from revet.core.runtime.event import RANKS
from revet.core.runtime.findings import Finding, Suspect

_HASH_LENGTH: Final = 20
_MOST_RELEASED: Final = 32
_ENDED: Final = frozenset({"Succeeded", "Failed"})


class Note(msgspec.Struct, frozen=True):
    """What an annotation says of why a pod is in quarantine."""

    policy: str
    finding: str
    workload: str
    because: str
    at: str


@dataclass(frozen=True, slots=True)
class Case:
    """A pod that a policy wants in quarantine, and by which finding.

    Attributes:
        policy: the policy's uid.
        finding: what stands for the finding; the same for each event of it.
        workload: the kind and name of who runs the pod.

    """

    policy: str
    policy_name: str
    response: Response
    namespace: str
    suspect: Suspect
    finding: str
    workload: str
    because: str


@dataclass(frozen=True, slots=True)
class Release:
    """What was released: until when all is forgiven, and which findings for good."""

    at: float = 0.0
    findings: tuple[str, ...] = ()

    @classmethod
    def read(cls, annotations: Mapping[str, str]) -> Self:
        """Read it from a pod's annotations; what can't be read forgives nothing."""
        time, *findings = annotations.get(RELEASED_ANNOTATION, "").split() or [""]
        try:
            return cls(datetime.fromisoformat(time).timestamp(), tuple(findings))
        except ValueError:
            return cls()


def find_cases(finding: Finding, response: Response) -> Iterator[Case]:
    """Yield the pods of a finding that a policy's response is about."""
    least = RANKS[response.min_severity]
    for suspect in finding.suspects:
        if RANKS[suspect.severity] >= least:
            yield Case(
                finding.policy,
                finding.policy_name,
                response,
                finding.namespace,
                suspect,
                _sign(finding),
                f"{finding.kind}/{finding.workload}",
                f"{finding.source} {finding.rule!r}, {suspect.severity}",
            )


def read_note(pod: Manifest) -> Note | None:
    """Return why a pod is in quarantine; None where it is not, or nobody has said why."""
    if QUARANTINE_LABEL not in _labels(pod):
        return None
    try:
        return msgspec.json.decode(_annotations(pod).get(QUARANTINED_ANNOTATION, ""), type=Note)
    except msgspec.MsgspecError:
        return None


def is_settled(case: Case, pod: Manifest) -> bool:
    """Tell whether there is nothing to do: it is there already, was released, or is gone."""
    metadata = pod["metadata"]
    released = Release.read(_annotations(pod))
    return (
        metadata["uid"] != case.suspect.uid
        or "deletionTimestamp" in metadata
        or QUARANTINE_LABEL in _labels(pod)
        or pod.get("status", {}).get("phase") in _ENDED
        or case.finding in released.findings
        or case.suspect.at <= released.at
    )


def object_to(case: Case, pod: Manifest, around: Sequence[Manifest]) -> str:
    """Say why a pod is not put there; empty where it is. `around` are all pods beside it."""
    if pod["spec"].get("hostNetwork"):
        return "it is on the host network, where no NetworkPolicy holds"
    held = sum(_is_held(each, case.workload) for each in around)
    size = max(1, _count_siblings(pod, around))
    percent, most = case.response.max_percent, case.response.max_pods
    if held < min(most, -(-size * percent // 100)):
        return ""
    return (
        f"{held} of the pods of {case.workload} are in quarantine already, and the policy's limits"
        f" are maxPods {most} and maxPercent {percent} of {size}"
    )


def quarantine(case: Case, now: datetime) -> Manifest:
    """Write what is applied to the pod; nothing is made where it is gone: it has its uid."""
    note = Note(
        case.policy_name,
        case.finding,
        case.workload,
        case.because,
        now.astimezone(UTC).isoformat(timespec="milliseconds"),
    )
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": case.suspect.pod,
            "namespace": case.namespace,
            "uid": case.suspect.uid,
            "labels": {QUARANTINE_LABEL: case.finding},
            "annotations": {QUARANTINED_ANNOTATION: msgspec.json.encode(note).decode()},
        },
    }


def release(pod: Manifest, now: datetime) -> list[dict[str, Any]]:
    """Write the JSON patch that lets a pod out, and keeps the same finding from undoing that."""
    label, said = _labels(pod)[QUARANTINE_LABEL], _annotations(pod)
    before = Release.read(said).findings
    findings = tuple(dict.fromkeys((label, *before)))[:_MOST_RELEASED]
    text = " ".join((now.astimezone(UTC).isoformat(timespec="milliseconds"), *findings))
    there = f"/metadata/labels/{escape(QUARANTINE_LABEL)}"
    notes = "/metadata/annotations"
    operations: list[dict[str, Any]] = [
        {"op": "test", "path": "/metadata/uid", "value": pod["metadata"]["uid"]},
        {"op": "test", "path": there, "value": label},
        {"op": "remove", "path": there},
    ]
    if not said:
        return [*operations, {"op": "add", "path": notes, "value": {RELEASED_ANNOTATION: text}}]
    if QUARANTINED_ANNOTATION in said:
        operations.append({"op": "remove", "path": f"{notes}/{escape(QUARANTINED_ANNOTATION)}"})
    return [
        *operations,
        {"op": "add", "path": f"{notes}/{escape(RELEASED_ANNOTATION)}", "value": text},
    ]


def _sign(finding: Finding) -> str:
    parts = (
        finding.policy_name,
        finding.source,
        finding.rule,
        finding.kind,
        finding.workload,
        finding.container,
        finding.executable,
    )
    return sha256(msgspec.json.encode(parts)).hexdigest()[:_HASH_LENGTH]


def _is_held(pod: Manifest, workload: str) -> bool:
    note = read_note(pod)
    # One of which nobody knows the workload may be of any.
    return QUARANTINE_LABEL in _labels(pod) and (note is None or note.workload == workload)


def _count_siblings(pod: Manifest, around: Iterable[Manifest]) -> int:
    """Count the pods that the same controller has made; of a Deployment those of one version."""
    maker = _controller(pod)
    return sum(
        bool(maker) and _controller(each) == maker
        for each in around
        if "deletionTimestamp" not in each["metadata"]
    )


def _controller(pod: Manifest) -> str:
    owners: list[Manifest] = pod["metadata"].get("ownerReferences") or []
    return next((each["uid"] for each in owners if each.get("controller")), "")


def _labels(pod: Manifest) -> Mapping[str, str]:
    return pod["metadata"].get("labels") or {}


def _annotations(pod: Manifest) -> Mapping[str, str]:
    return pod["metadata"].get("annotations") or {}
