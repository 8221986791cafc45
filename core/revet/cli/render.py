"""`revet render`: the objects that the operator would write for policies and namespaces."""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from revet.cli.check.policies import Policies, read_policies
from revet.cli.check.report import Problem
from revet.cli.load import Document, InputProblem, Skipped, find_inputs, find_renderers, load
from revet.core import account
from revet.core.bounds import LIMITS
from revet.core.compiled_policy import CompiledPolicy
from revet.core.entry import NAME_LABEL
from revet.core.errors import ManifestError
from revet.core.model.meta import BREAK_GLASS_LABEL, PAUSED_ANNOTATION, Manifest
from revet.core.model.mode import Mode
from revet.core.model.policy import HardeningPolicy
from revet.core.model.policy_network import Switch
from revet.core.network.facts import Place
from revet.core.network.limits import Surroundings, find_limits
from revet.core.network.survey import KINDS, Survey
from revet.core.render.baseline import namespace_manifest, pod_security, rewritten
from revet.core.render.bounds import bounds, quiets
from revet.core.render.database_guard import database_guards
from revet.core.render.guard import guards, selector_keys
from revet.core.render.hold_guard import hold_guards
from revet.core.render.networkpolicy import network_policies
from revet.core.render.quarantine_guard import quarantine_guards
from revet.core.render.webhook import SYSTEM_NAMESPACES, Backend, webhook_configurations
from revet.core.restoration import read_before

_LATER: Final = """\
# What the operator would write. It fills in, in the cluster: the caBundle of each entry, and
# ownerReferences. A Fail entry it writes only once every replica of the webhook judges by it."""


@dataclass(frozen=True, slots=True)
class Setup:
    """How Revet is installed: as the operator's flags say, which the chart sets."""

    namespace: str
    system_namespaces: tuple[str, ...] = ()
    webhook_url: str = ""

    @property
    def system(self) -> frozenset[str]:
        """The namespaces that are outside of every policy that does not name them."""
        return frozenset((*SYSTEM_NAMESPACES, self.namespace, *self.system_namespaces))


@dataclass(slots=True)
class Rendered:
    """The objects, what is to be said besides, and what could not be read."""

    manifests: list[Manifest] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def render(policies: Sequence[str], namespace_files: Sequence[str], setup: Setup) -> Rendered:
    """Read policies and namespaces, and return what the operator would write for them."""
    found = Policies()
    for text in policies:
        read_policies(text, found)
    rendered = Rendered(problems=found.problems)
    survey = Survey(setup.system)
    namespaces = list(_read_cluster(namespace_files, survey, rendered))
    survey.has_cilium = survey.serves_cilium
    if rendered.problems:
        return rendered
    kept = []
    for policy in found.models:
        if policy.metadata.annotations.get(PAUSED_ANNOTATION) == "true":
            rendered.notes.append(f"policy {policy.metadata.name} is paused: nothing for it")
        else:
            kept.append(policy)
    compiled = [CompiledPolicy.of(policy) for policy in kept]
    backend = Backend(b"", setup.webhook_url, namespace=setup.namespace)
    rendered.manifests += webhook_configurations(compiled, backend, setup.system)
    keys = {key for policy in found.models for key in selector_keys(policy.spec)}
    rendered.manifests += [*guards(keys), *database_guards(found.models)]
    rendered.manifests += [*quarantine_guards(), *hold_guards()]
    pairs = list(zip(kept, compiled, strict=True))
    for namespace in namespaces:
        rendered.manifests += _render_namespace(namespace, pairs, setup, survey, rendered.notes)
    labels = {each["metadata"]["name"]: _labels(each) for each in namespaces}
    for policy, each in pairs:
        rendered.notes += _note_limits(policy, each, labels, setup, survey)
    return rendered


def write(manifests: Iterable[Manifest]) -> str:
    """Return the objects as YAML, without what only the cluster knows."""
    texts = (
        yaml.dump(_without_unknown(each), Dumper=_Dumper, sort_keys=False, width=100)
        for each in manifests
    )
    return "\n".join([_LATER, *(f"---\n{text.rstrip()}" for text in texts)])


def _read_cluster(files: Sequence[str], survey: Survey, rendered: Rendered) -> Iterator[Manifest]:
    """Read what stands: yield Namespaces, and show the survey what NetworkPolicies depend on."""
    for loaded in load(find_inputs(files), find_renderers(), sys.stdin.buffer):
        match loaded:
            case Document(value=value) if _is_namespace(value):
                yield value
            case Document(source=source, value=value) as document if value["kind"] in KINDS:
                try:
                    survey.put(value["kind"], json.dumps(value).encode())
                except ManifestError as error:
                    line = document.locate("/kind").line
                    rendered.problems.append(Problem(source.file, line, str(error)))
            case Document(source=source, value=value):
                rendered.notes.append(f"{source.file}: {value['kind']} is not used")
            case InputProblem(file, line, message):
                rendered.problems.append(Problem(file, line, message))
            case Skipped(file, reason):
                rendered.notes.append(f"{file}: {reason}")


def _is_namespace(value: dict[str, Any]) -> bool:
    metadata = value.get("metadata")
    return (
        (value["apiVersion"], value["kind"]) == ("v1", "Namespace")
        and isinstance(metadata, dict)
        and isinstance(metadata.get("name"), str)
        and all(isinstance(metadata.get(each) or {}, dict) for each in ("labels", "annotations"))
    )


def _render_namespace(
    namespace: Manifest,
    policies: Sequence[tuple[HardeningPolicy, CompiledPolicy]],
    setup: Setup,
    survey: Survey,
    notes: list[str],
) -> Iterator[Manifest]:
    metadata = namespace["metadata"]
    name, labels = metadata["name"], _labels(namespace)
    selecting: list[tuple[HardeningPolicy, Mode]] = [
        (policy, ceiling)
        for policy, compiled in policies
        if (ceiling := compiled.ceiling(name, labels, setup.system)) is not None
    ]
    if not selecting:
        notes.append(f"Namespace {name}: no policy selects it")
    if BREAK_GLASS_LABEL in labels:
        notes.append(f"Namespace {name}: break-glass is open, nothing is written there")
        return
    if name not in setup.system:
        place = Place(name, labels, survey.namespace(name))
        for policy, _ in selecting:
            yield from network_policies(policy, place, survey.cluster())
        yield from _render_bounds([policy for policy, _ in selecting], name, notes)
    before = read_before(namespace)
    baseline = pod_security(selecting, labels, before, rewritten(namespace, before))
    notes += (f"Namespace {name}: policy {each}: {why}" for each, why in baseline.reasons.items())
    if baseline.labels or baseline.before:
        yield namespace_manifest(name, metadata.get("uid", ""), baseline)


def _render_bounds(
    policies: Sequence[HardeningPolicy], namespace: str, notes: list[str]
) -> Iterator[Manifest]:
    """Render what bounds resources, and the field of the ServiceAccount; of limits, the first."""
    limited = ""
    for policy in sorted(policies, key=lambda each: each.metadata.name):
        name = policy.metadata.name
        for kind, manifest in bounds(policy, namespace).items():
            if kind == LIMITS and limited:
                notes.append(f"Namespace {namespace}: policy {name}: the {kind} of {limited} holds")
                continue
            limited = name if kind == LIMITS else limited
            yield manifest
    if any(map(quiets, policies)):
        yield account.desired(namespace)


def _labels(namespace: Manifest) -> dict[str, str]:
    """Return a namespace's labels, with the one that every namespace has."""
    metadata = namespace["metadata"]
    return {NAME_LABEL: metadata["name"], **(metadata.get("labels") or {})}


def _note_limits(
    policy: HardeningPolicy,
    compiled: CompiledPolicy,
    labels: Mapping[str, Mapping[str, str]],
    setup: Setup,
    survey: Survey,
) -> Iterator[str]:
    """Say what of a policy's network NetworkPolicies do not give, as its status would."""
    network = policy.spec.network
    isolated = [
        name
        for name, each in labels.items()
        if name not in setup.system
        and BREAK_GLASS_LABEL not in each
        and compiled.ceiling(name, each, setup.system) is not None
    ]
    if network is None or network.mode is not Switch.ENFORCE or not isolated:
        return
    around = Surroundings(survey.cluster(), labels, isolated, survey.namespace)
    limits = find_limits(policy, around)
    for each in (*limits.opened, *limits.weaker):
        yield f"policy {policy.metadata.name}: {each}"


class _Dumper(yaml.SafeDumper):
    """Writes what stands twice twice."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 -- PyYAML's own
        return True


def _without_unknown(value: Any) -> Any:  # noqa: ANN401 -- any JSON value
    """Leave out what is empty for want of a cluster: uids, owners by them, certificates."""
    if isinstance(value, list):
        return [_without_unknown(each) for each in value]
    if not isinstance(value, dict):
        return value
    known = {}
    for key, each in value.items():
        if key in {"caBundle", "uid"} and not each:
            continue
        if key == "ownerReferences" and not all(owner["uid"] for owner in each):
            continue
        known[key] = _without_unknown(each)
    return known
