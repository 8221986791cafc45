"""The webhook configurations, made from all policies: entries per selector, none cluster-wide.

https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/
"""

from base64 import b64encode
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Final

from revet.core.compiled_policy import CompiledPolicy
from revet.core.entry import Entry, named_namespaces, select_names
from revet.core.kinds import KINDS, POD, Kind
from revet.core.model.meta import BREAK_GLASS_LABEL, Manifest, Owner, render_metadata
from revet.core.model.selector import LabelSelector, Operator, Requirement, join
from revet.core.render.selector import render_selector

#: Namespaces that no Fail entry ever selects; the chart adds those of CNI and CSI.
SYSTEM_NAMESPACES: Final = ("kube-node-lease", "kube-public", "kube-system")
NAME: Final = "revet"

FAIL_TIMEOUT_S: Final = 5
IGNORE_TIMEOUT_S: Final = 2

# Whether an update changes what is judged. All others pass by us, so that scaling down, Job
# completion, labels and deletes work while we are dead. An expression error under Fail is a
# refusal, even while we are alive: hence the first parts, should somebody widen the rules by hand.
CHANGES_THE_POD: Final = (
    "!(request.kind.kind in ['Pod','ReplicationController','ReplicaSet','Deployment','StatefulSet',"
    "'DaemonSet','Job','CronJob','PodTemplate']) || request.operation != 'UPDATE' || "
    "has(request.subResource) && request.subResource != '' || "
    "(request.kind.kind == 'Pod' ? object.spec != oldObject.spec : "
    "request.kind.kind == 'CronJob' ? object.spec.jobTemplate != oldObject.spec.jobTemplate : "
    "request.kind.kind == 'PodTemplate' ? object.template != oldObject.template : "
    "object.spec.template != oldObject.spec.template)"
)
# The API server's own writes (its bootstrap objects) must not wait for us. What our operator
# writes, NetworkPolicies by the thousand, needs no judge.
_OPERATOR: Final = "revet-operator"

_PODS: Final = ("pods",)
_POD_PARTS: Final = ("pods/ephemeralcontainers", "pods/resize")
#: What may still be added to a pod that runs, and so be pinned.
_DEBUGGED: Final = ("pods/ephemeralcontainers",)


@dataclass(frozen=True, slots=True)
class Backend:
    """Where the API server finds the webhook, and the CAs (one PEM or several) that it trusts.

    Either `url`, such as https://127.0.0.1:9443, or a Service of that name and namespace.
    """

    ca_pem: bytes
    url: str = ""
    service: str = "revet-webhook"
    namespace: str = "revet-system"

    @property
    def not_spared(self) -> str:
        """CEL: whether a request is neither the API server's own nor our operator's."""
        operator = f"system:serviceaccount:{self.namespace}:{_OPERATOR}"
        return f"!(request.userInfo.username in ['system:apiserver', '{operator}'])"

    def client_config(self, path: str) -> Manifest:
        """Return the clientConfig that calls `path`."""
        bundle = b64encode(self.ca_pem).decode()
        if self.url:
            return {"caBundle": bundle, "url": self.url + path}
        service = {"name": self.service, "namespace": self.namespace, "path": path, "port": 443}
        return {"caBundle": bundle, "service": service}


def webhook_configurations(
    policies: Iterable[CompiledPolicy],
    backend: Backend,
    excluded: Iterable[str],
    owner: Owner | None = None,
) -> list[Manifest]:
    """Return the configurations for all `policies`; one without entries is left out.

    `excluded` names the namespaces beside SYSTEM_NAMESPACES that are outside: our own, CNI, CSI.
    """
    system = frozenset({*SYSTEM_NAMESPACES, *excluded})
    merged = [
        entry
        for entry in _merge(policies)
        if not entry.system_only or not named_namespaces(entry.selector).isdisjoint(system)
    ]
    validating = [each for entry in merged for each in _validating(entry, backend, system)]
    mutating = [_mutating(entry, backend, system) for entry in merged if entry.patches]
    return [
        {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": kind,
            "metadata": render_metadata(NAME, owner),
            "webhooks": entries,
        }
        for kind, entries in (
            ("ValidatingWebhookConfiguration", validating),
            ("MutatingWebhookConfiguration", mutating),
        )
        if entries
    ]


def _merge(policies: Iterable[CompiledPolicy]) -> list[Entry]:
    """Join the entries of policies with the same selector, in an order that never moves.

    By name: selectors that say the same may be written otherwise, and the first one is shown.
    """
    merged: dict[str, Entry] = {}
    for policy in sorted(policies, key=lambda each: each.name):
        for _, entry in policy.entries:
            known = merged.get(entry.path, entry)
            merged[entry.path] = replace(
                known,
                kinds=known.kinds | entry.kinds,
                patches=known.patches or entry.patches,
                pins=known.pins or entry.pins,
            )
    return [merged[path] for path in sorted(merged)]


def _validating(entry: Entry, backend: Backend, system: frozenset[str]) -> list[Manifest]:
    """Return one for what comes new, one for updates, and one for each kind with a condition.

    Apart, since a condition costs the API server about as much as the call itself: it converts each
    object for it, also where the operation alone would tell.
    """
    prefix = "enforce" if entry.fail else "cluster" if entry.is_cluster_scoped else "audit"
    kinds = [kind for kind in KINDS if kind.name in entry.kinds]
    plain = [kind for kind in kinds if not kind.condition]
    new, updates = _rules(plain, "CREATE"), _rules(plain, "UPDATE")
    if POD in entry.kinds:
        # A pod is seldom changed so, and all that may change there is judged.
        new.append(_rule("", _POD_PARTS, "UPDATE"))
    calls: list[tuple[str, list[Manifest], list[Manifest]]] = [
        ("", new, []),
        ("update-", updates, _changes(plain)),
    ]
    for kind in kinds:
        if kind.condition:
            conditions = [{"name": "is-judged", "expression": kind.condition}]
            calls.append((f"{kind.plural}-", _rules([kind], "CREATE"), conditions))
    selector = _selector(entry, system)
    return [
        _call(entry, f"{prefix}-{word}{entry.hash}", rules, conditions, backend)
        | {"namespaceSelector": deepcopy(selector)}
        for word, rules, conditions in calls
        if rules
    ]


def _changes(kinds: Iterable[Kind]) -> list[Manifest]:
    """Return the conditions under which an update is judged; each lets other kinds pass on."""
    conditions = [{"name": "changes-the-pod", "expression": CHANGES_THE_POD}]
    parts: dict[tuple[str, ...], list[str]] = {}
    for kind in kinds:
        if not kind.holds_pod:
            parts.setdefault(kind.judged, []).append(kind.name)
    for judged, names in parts.items():
        listed = ", ".join(f"'{name}'" for name in names)
        changed = " || ".join(f"object.{part} != oldObject.{part}" for part in judged)
        expression = f"!(request.kind.kind in [{listed}]) || {changed}"
        name = f"changes-{'-'.join(part.rpartition('?')[2] for part in judged)}"
        conditions.append({"name": name, "expression": expression})
    return conditions


def _call(
    entry: Entry, name: str, rules: list[Manifest], conditions: list[Manifest], backend: Backend
) -> Manifest:
    if not entry.fail:
        conditions = [*conditions, {"name": "not-spared", "expression": backend.not_spared}]
    return {
        "name": f"{name}.revet.dev",
        "admissionReviewVersions": ["v1"],
        "clientConfig": backend.client_config(entry.path),
        "failurePolicy": "Fail" if entry.fail else "Ignore",
        "matchConditions": conditions,
        "matchPolicy": "Equivalent",
        "objectSelector": {},
        "rules": rules,
        "sideEffects": "NoneOnDryRun",
        "timeoutSeconds": FAIL_TIMEOUT_S if entry.fail else IGNORE_TIMEOUT_S,
    }


def _mutating(entry: Entry, backend: Backend, system: frozenset[str]) -> Manifest:
    rules = [_rule("", _PODS, "CREATE")]
    if entry.pins:
        rules.append(_rule("", _DEBUGGED, "UPDATE"))
    return {
        "name": f"patch-{entry.hash}.revet.dev",
        "admissionReviewVersions": ["v1"],
        "clientConfig": backend.client_config(f"/mutate/{entry.hash}"),
        "failurePolicy": "Fail",
        "matchPolicy": "Equivalent",
        "namespaceSelector": _selector(entry, system),
        "objectSelector": {},
        "reinvocationPolicy": "IfNeeded",
        "rules": rules,
        "sideEffects": "NoneOnDryRun",
        "timeoutSeconds": FAIL_TIMEOUT_S,
    }


def _selector(entry: Entry, system: frozenset[str]) -> Manifest:
    selector, named = entry.selector, named_namespaces(entry.selector)
    if entry.is_cluster_scoped:
        return {}
    if entry.system_only:
        return render_selector(join(selector, select_names(Operator.IN, named & system)))
    # Named one by one, a system namespace may be watched.
    outside = system if entry.fail else system - named
    if outside:
        selector = join(selector, select_names(Operator.NOT_IN, outside))
    if entry.fail:
        # So that break-glass works while all of our pods are dead.
        absent = Requirement(key=BREAK_GLASS_LABEL, operator=Operator.DOES_NOT_EXIST)
        selector = join(selector, LabelSelector(match_expressions=(absent,)))
    return render_selector(selector)


def _rules(kinds: Iterable[Kind], operation: str) -> list[Manifest]:
    """Return a rule for each API group; Pods have one of their own."""
    groups: dict[tuple[str, bool, bool, bool], list[str]] = {}
    for kind in kinds:
        place = (kind.group, kind.is_namespaced, kind.holds_pod, kind.name == POD)
        groups.setdefault(place, []).append(kind.plural)
    return [
        _rule(group, tuple(plurals), operation, is_namespaced=is_namespaced)
        for (group, is_namespaced, _, _), plurals in groups.items()
    ]


def _rule(
    group: str, resources: tuple[str, ...], operation: str, *, is_namespaced: bool = True
) -> Manifest:
    return {
        "apiGroups": [group],
        "apiVersions": ["v1"],
        "operations": [operation],
        "resources": list(resources),
        "scope": "Namespaced" if is_namespaced else "Cluster",
    }
