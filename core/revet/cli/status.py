"""`revet status`: which policies apply to a live namespace, in which modes, and what they find.

Reads with the rights of whoever asks, and says what it may not read: that has not passed.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

import msgspec

from revet.adapters.kube import Collection, Kube, KubeError
from revet.adapters.objects import Objects
from revet.cli.check.scope import SYSTEM, KnownLabels, match
from revet.core.admission import read_object
from revet.core.audit import inspect
from revet.core.compiled_policy import Applied, CompiledPolicy, apply
from revet.core.decide import Verdict
from revet.core.entry import NAME_LABEL
from revet.core.errors import Error, ManifestError, PolicyError
from revet.core.item import Item
from revet.core.kinds import KINDS, Kind
from revet.core.message import title
from revet.core.model.meta import MANAGED_BY, PAUSED_ANNOTATION, POLICY_ANNOTATION, Manifest
from revet.core.model.mode import Mode
from revet.core.model.policy import HardeningPolicy, parse_policy
from revet.core.model.policy_status import HeldImage
from revet.core.runtime.held_images import held_images
from revet.core.workload import Subject

_ACCEPTED: Final = "Accepted"
_ENFORCING: Final = "Enforcing"
_OWN: Final = ",".join(f"{key}={value}" for key, value in MANAGED_BY.items())


class StatusError(Error):
    """The question can't be answered at all; the message says what is needed."""


@dataclass(frozen=True, slots=True)
class PolicyHere:
    """A policy in the namespace: its ceiling there, what the operator says of it, what it holds."""

    name: str
    profile: str
    ceiling: Mode
    state: str
    held: tuple[HeldImage, ...] = ()


@dataclass(frozen=True, slots=True)
class ObjectHere:
    """An object and what is found in it; of a controller's pods one stands for all."""

    subject: Subject | Item[Any]
    title: str
    verdicts: tuple[Verdict, ...]


@dataclass(slots=True)
class Status:
    """The answer; `modes` are the controls by the mode that they have on Pods there."""

    namespace: str
    policies: list[PolicyHere] = field(default_factory=list)
    undecided: list[str] = field(default_factory=list)
    modes: dict[Mode, list[str]] = field(default_factory=dict)
    objects: list[ObjectHere] = field(default_factory=list)
    judged: int = 0
    unreadable: list[str] = field(default_factory=list)

    @property
    def refused(self) -> bool:
        """Whether some object would be refused if it were created now."""
        return any(
            verdict.mode is Mode.ENFORCE and not verdict.is_unknown
            for each in self.objects
            for verdict in each.verdicts
        )


async def find_status(kube: Kube, namespace: str) -> Status:
    """Ask the cluster.

    Raises:
        StatusError: there is no such namespace, or the policies may not be read.
        KubeError: the API server did not answer.

    """
    status = Status(namespace)
    objects = Objects(kube)
    known = await _read_labels(objects, status)
    policies = list(_parse(await _list_policies(objects, namespace), status))
    selecting = [each for each in policies if _selects(each, namespace, known, status)]
    compiled = {each.metadata.name: CompiledPolicy.of(each) for each in selecting}
    applied = apply(compiled.values(), namespace, known.labels, SYSTEM)
    states = {each.metadata.name: _state(each) for each in selecting}
    held = {each.metadata.name: held_images(each) for each in selecting}
    for each in applied:
        policy = each.policy
        here = (policy.name, policy.profile, each.ceiling, states[policy.name], held[policy.name])
        status.policies.append(PolicyHere(*here))
    status.modes = _modes(applied)
    if applied:
        await _judge(kube, namespace, applied, status)
    return status


async def _read_labels(objects: Objects, status: Status) -> KnownLabels:
    name = status.namespace
    try:
        found = await objects.get("Namespace", name)
    except KubeError as error:
        _note_refusal(error, status, f"Namespace {name}: of its labels only the name is known")
        return KnownLabels({NAME_LABEL: name}, complete=False)
    if found is None:
        raise StatusError(f"there is no Namespace {name}")
    return KnownLabels({**(found["metadata"].get("labels") or {})}, complete=True)


async def _list_policies(objects: Objects, namespace: str) -> list[Manifest]:
    try:
        return await objects.list("HardeningPolicy")
    except KubeError as error:
        if error.status == HTTPStatus.NOT_FOUND:
            raise StatusError("Revet is not installed: there are no HardeningPolicies") from error
        if error.status != HTTPStatus.FORBIDDEN:
            raise
        hint = await _guess_policies(objects, namespace)
        raise StatusError(
            "you may not list hardeningpolicies.revet.dev: ask for the ClusterRole "
            f"revet-policy-viewer by a ClusterRoleBinding.{hint}"
        ) from error


async def _guess_policies(objects: Objects, namespace: str) -> str:
    """Name the policies that have written something which a namespaced reader may see."""
    try:
        written = await objects.list("NetworkPolicy", namespace, _OWN)
    except KubeError:
        return ""
    notes = (each["metadata"].get("annotations") or {} for each in written)
    names = sorted({each[POLICY_ANNOTATION] for each in notes if POLICY_ANNOTATION in each})
    return f" NetworkPolicies here are of policy {', '.join(names)}." if names else ""


def _note_refusal(error: KubeError, status: Status, what: str) -> None:
    if error.status not in {HTTPStatus.FORBIDDEN, HTTPStatus.UNAUTHORIZED}:
        raise error
    status.unreadable.append(what)


def _parse(manifests: list[Manifest], status: Status) -> Iterator[HardeningPolicy]:
    for manifest in manifests:
        try:
            yield parse_policy(msgspec.json.encode(manifest))
        except PolicyError as error:
            name = manifest["metadata"]["name"]
            first = str(error).partition("\n")[0]
            status.undecided.append(
                f"policy {name} is not valid, the last valid one rules: {first}"
            )


def _selects(policy: HardeningPolicy, namespace: str, known: KnownLabels, status: Status) -> bool:
    answer = match(policy.spec.namespace_selector, known)
    if answer is None:
        name = policy.metadata.name
        status.undecided.append(f"policy {name} needs the labels of Namespace {namespace}")
    elif answer and policy.spec.enforcement_overrides and not known.complete:
        status.undecided.append(
            f"policy {policy.metadata.name} may enforce more: that needs the labels of Namespace "
            f"{namespace}"
        )
    return bool(answer)


def _state(policy: HardeningPolicy) -> str:
    if policy.metadata.annotations.get(PAUSED_ANNOTATION) == "true":
        return "paused: its entries stand as they are"
    conditions = policy.status.conditions if policy.status is not None else ()
    for name in (_ACCEPTED, _ENFORCING):
        found = next((each for each in conditions if each.type == name), None)
        if found is None:
            return "the operator has not seen it yet"
        if found.status != "True":
            return f"{name}={found.status}: {found.message or found.reason}"
    return "enforcing"


def _modes(applied: tuple[Applied, ...]) -> dict[Mode, list[str]]:
    """Return the controls by their mode on Pods: of several policies the strictest counts."""
    strongest: dict[str, Mode] = {}
    for each in applied:
        for control, mode in each.policy.modes.items():
            here = min(mode, each.ceiling)
            strongest[control] = max(here, strongest.get(control, Mode.DISABLED))
    modes: dict[Mode, list[str]] = {}
    for control, mode in strongest.items():
        modes.setdefault(mode, []).append(control)
    return modes


async def _judge(kube: Kube, namespace: str, applied: tuple[Applied, ...], status: Status) -> None:
    """Judge the objects: what people wrote first, then what controllers made of it."""
    seen: set[tuple[str, str | None, str]] = set()
    owned: dict[str, ObjectHere] = {}
    # Templates before Pods: what a template has need not be told of each of its pods.
    for kind in sorted(_kinds(), key=lambda each: each.name == "Pod"):
        for data in await _list(kube, kind, namespace, status):
            try:
                subject = read_object(kind.group, kind.name, data)
            except ManifestError as error:
                status.unreadable.append(f"a {kind.plural} object: {error}")
                continue
            controller = subject.metadata.controller if isinstance(subject, Subject) else None
            if controller is not None and kind.name != "Pod":
                continue
            status.judged += 1
            verdicts = [
                each for each in inspect(subject, data, applied).verdicts if not each.spared
            ]
            if controller is None:
                seen |= {_key(each) for each in verdicts}
                here = ObjectHere(subject, title(subject, ""), tuple(verdicts))
                status.objects += [here] if verdicts else []
            elif fresh := tuple(each for each in verdicts if _key(each) not in seen):
                name = f"Pods of {controller.kind} {controller.name}"
                owned.setdefault(name, ObjectHere(subject, name, fresh))
    status.objects += owned.values()


def _kinds() -> Iterator[Kind]:
    # A Secret's content is nothing that a look at findings should ask for.
    return (each for each in KINDS if each.is_namespaced and each.name != "Secret")


async def _list(kube: Kube, kind: Kind, namespace: str, status: Status) -> list[bytes]:
    try:
        found, _ = await kube.list(Collection(kind.path_in(namespace)))
    except KubeError as error:
        if error.status != HTTPStatus.NOT_FOUND:  # a kind that this cluster does not have
            _note_refusal(error, status, kind.plural)
        return []
    return list(found)


def _key(verdict: Verdict) -> tuple[str, str | None, str]:
    finding = verdict.finding
    return finding.control, finding.container, finding.message
