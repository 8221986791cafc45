"""One admission request, judged or patched: the order of steps that every entry follows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from revet.core.check import Json
from revet.core.compiled_policy import HELD, Applied
from revet.core.decide import Decision, decide, decide_item
from revet.core.engine import ActiveCheck, mend, safe_fixes
from revet.core.image import images
from revet.core.item import Item, is_item, read_item
from revet.core.model.image_facts import NOT_ASKED, ImageFacts
from revet.core.model.mode import Mode
from revet.core.model.pod import Pod, PodSpec
from revet.core.patch import REPLACE, Operation, assign
from revet.core.pinning import EPHEMERAL, Question, note, questions
from revet.core.surroundings import UNSEEN, Surroundings
from revet.core.verification import ToVerify, to_verify
from revet.core.workload import Subject, holds_pod, read

_MIRROR: Final = "kubernetes.io/config.mirror"
_NODES: Final = "system:nodes"
#: Who fills in the default roles that take in others, and would take in nothing once refused.
_AGGREGATORS: Final = {
    "system:kube-controller-manager",
    "system:serviceaccount:kube-system:clusterrole-aggregation-controller",
}
_AGGREGATED: Final = {"admin", "edit", "view"}


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked: the object, the one it replaces (None on CREATE), its JSON, and who asks.

    `around` is what was seen beside the object, `images` what registries said of its images, `now`
    the time in seconds since 1970.
    """

    subject: Subject | Item[Any]
    old: Subject | Item[Any] | None
    document: bytes | msgspec.Raw
    groups: Sequence[str] = ()
    user: str = ""
    around: Surroundings = UNSEEN
    images: ImageFacts = NOT_ASKED
    now: float = 0.0

    @property
    def pull_secrets(self) -> tuple[str, ...]:
        """The names of the pod's image pull secrets."""
        spec = self.subject.template.spec if isinstance(self.subject, Subject) else None
        return tuple(each.name for each in (spec and spec.image_pull_secrets) or () if each.name)

    @property
    def is_mirror(self) -> bool:
        """Whether a node reports a static pod of its own: refusing it would change nothing there.

        The annotation alone proves nothing, anybody may write it.
        """
        annotations = self.subject.metadata.annotations
        return annotations is not None and _MIRROR in annotations and _NODES in self.groups

    @property
    def is_aggregation(self) -> bool:
        """Whether Kubernetes itself fills in view, edit or admin: refusing would end that for good.

        What comes in was judged where somebody wrote it.
        """
        is_default = (
            self.subject.kind == "ClusterRole" and self.subject.metadata.name in _AGGREGATED
        )
        return is_default and self.user in _AGGREGATORS

    @property
    def needs_judging(self) -> bool:
        """Whether the object can differ in anything that a check reads, resources of pods aside.

        Pods are judged on update as Pod Security does (an image or a container came), and where any
        other field changed that a check reads. What a controller owns is judged as Pods only.
        """
        new, old = self.subject, self.old
        if isinstance(new, Item):
            return new != old
        if not new.is_pod:
            return new.metadata.controller is None
        if not isinstance(old, Subject):
            return True
        if new.pod().annotations != old.pod().annotations:
            return True
        before, after = old.template.spec, new.template.spec
        return before != after and _without_resources(before) != _without_resources(after)


def _without_resources(spec: PodSpec | None) -> PodSpec | None:
    """Leave out what a resize changes: a pod from before the policy must still be resized.

    Limits and requests that are there can't be taken away by it.
    """
    if spec is None:
        return None
    containers = tuple(replace(each, resources=None) for each in spec.containers or ())
    sidecars = tuple(replace(each, resources=None) for each in spec.init_containers or ())
    return replace(spec, containers=containers, init_containers=sidecars, resources=None)


def is_judged(group: str, kind: str) -> bool:
    """Return whether some control judges objects of this kind."""
    return is_item(group, kind) or holds_pod(group, kind)


def read_object(group: str, kind: str, data: bytes | msgspec.Raw) -> Subject | Item[Any]:
    """Decode an object of any kind that is judged.

    Raises:
        ManifestError: another kind, or JSON that does not fit it; the message names the field.

    """
    return read_item(group, kind, data) if is_item(group, kind) else read(group, kind, data)


def ask(request: Request, applied: Sequence[Applied], *, mutating: bool) -> list[Question]:
    """Return what has to be asked of registries before the object is judged or patched."""
    subject = request.subject
    if isinstance(subject, Item) or request.is_mirror:
        return []
    if all(each.policy.pins is None for each in applied) or not request.needs_judging:
        return []
    return questions(
        subject.pod(),
        applied,
        request.now,
        has_been_pinned=subject.is_pod and not mutating,
        below=EPHEMERAL if mutating and request.old is not None else "",
    )


def list_unverified(
    request: Request, applied: Sequence[Applied], *, mutating: bool
) -> list[ToVerify]:
    """Return which images to verify before the object is judged; patches need nothing of it."""
    subject = request.subject
    if mutating or isinstance(subject, Item) or request.is_mirror or not request.needs_judging:
        return []
    return to_verify(subject.pod(), applied, request.images)


def judge(request: Request, applied: Sequence[Applied]) -> Decision:
    """Decide on the object by all policies that apply."""
    if not request.needs_judging:
        return Decision()
    subject = request.subject
    if isinstance(subject, Item):
        at_most = Mode.AUDIT if request.is_aggregation else Mode.ENFORCE
        return decide_item(subject.within(request.around), applied, at_most=at_most)
    pod = subject.pod(request.around, request.images)
    if not subject.is_pod:
        # A template is judged as the Pod it would become, and that one will be patched.
        patching = _patching(pod, applied)
        if any(True for _ in safe_fixes(pod, patching)):
            document: Json = msgspec.json.decode(request.document)
            template = mend(document, subject.prefix, patching, request.images)[0]
            pod = Pod(template, pod.namespace, pod.around, request.images)
    at_most = Mode.AUDIT if request.is_mirror else Mode.ENFORCE
    decision = decide(pod, applied, is_pod=subject.is_pod, at_most=at_most)
    return _about_new(decision, request) if subject.is_pod else decision


def _about_new(decision: Decision, request: Request) -> Decision:
    """Leave out which of the images that a pod has already are held: only new ones are told."""
    if not isinstance(request.subject, Subject) or not isinstance(request.old, Subject):
        return decision
    if all(each.finding.control != HELD for each in decision.verdicts):
        return decision
    there = {reference for _, _, reference in images(request.old.pod())}
    known = {at for at, _, reference in images(request.subject.pod()) if reference in there}
    return Decision(
        tuple(
            each
            for each in decision.verdicts
            if each.finding.control != HELD or each.finding.pointer not in known
        )
    )


def patch(request: Request, applied: Sequence[Applied]) -> list[Operation]:
    """Return the safe patches that the policies ask for; none for what a node mirrors.

    Of a pod that runs only new ephemeral containers get their digest: nothing else may change.
    """
    if isinstance(request.subject, Item):
        return []
    pod = request.subject.pod(images=request.images)
    patching = _patching(pod, applied)
    if request.is_mirror or not any(True for _ in safe_fixes(pod, patching)):
        return []
    document: Json = msgspec.json.decode(request.document)
    operations = mend(document, request.subject.prefix, patching, request.images)[1]
    if request.old is not None:
        return list(_pins_of_new(operations, request.old))
    pinned = [str(each["value"]) for each in operations if each["op"] == REPLACE]
    if pinned:
        operations += assign(document, note(pod, pinned, request.now))
    return operations


def _pins_of_new(operations: list[Operation], old: Subject | Item[Any]) -> Iterator[Operation]:
    """Yield what pins ephemeral containers that the pod did not have; others can't be changed."""
    spec = old.template.spec if isinstance(old, Subject) else None
    known = len((spec and spec.ephemeral_containers) or ())
    for operation in operations:
        _, is_ephemeral, rest = operation["path"].partition(EPHEMERAL)
        if operation["op"] == REPLACE and is_ephemeral and int(rest.partition("/")[0]) >= known:
            yield operation


def _patching(pod: Pod, applied: Sequence[Applied]) -> list[ActiveCheck]:
    """Return the checks that patch this pod; under an Audit or Warn ceiling nothing does."""
    return [
        check
        for each in applied
        if each.ceiling is Mode.ENFORCE and each.policy.selects_pod(pod.labels)
        for check in each.policy.checks
        if check.patch
    ]
