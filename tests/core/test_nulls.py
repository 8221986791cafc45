"""Null is read as Go's encoding/json reads it, wherever it stands in any kind that is read."""

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import msgspec
import pytest

from revet.core.admission import Request, judge, read_object
from revet.core.checks import ALL
from revet.core.compiled_policy import apply
from revet.core.errors import ManifestError
from revet.core.item import Item
from revet.core.kinds import BY_NAME
from revet.core.model.network_policy import NetworkPolicy, NetworkPolicySpec, Peer, Selector
from revet.core.model.pod import PodTemplateSpec
from revet.core.model.reader import Reader
from revet.core.model.service import Service, ServiceSpec
from revet.core.neighbours import NEIGHBOURS, read_neighbour
from revet.core.workload import Subject
from tests.core.test_item import FULL
from tests.support.policy_builder import compile_policy

Manifest = dict[str, Any]
META: Manifest = {
    "name": "web",
    "namespace": "shop",
    "labels": {"app": "web"},
    "annotations": {"checksum": "1"},
    "ownerReferences": [{"kind": "Job", "name": "a", "uid": "b", "controller": True}],
}
SECURITY: Manifest = {
    "capabilities": {"add": ["A"], "drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
    "seLinuxOptions": {"type": "a"},
    "windowsOptions": {"hostProcess": False},
    "runAsUser": 1,
    "runAsNonRoot": True,
    "supplementalGroups": [1],
    "sysctls": [{"name": "a"}],
}
CONTAINER: Manifest = {
    "name": "app",
    "image": "a:1",
    "securityContext": SECURITY,
    "ports": [{"containerPort": 80, "hostPort": 0}],
    "livenessProbe": {"httpGet": {"host": "a"}},
    "lifecycle": {"preStop": {"tcpSocket": {"host": "a"}}},
    "env": [{"name": "A", "value": "b"}, {"valueFrom": {"secretKeyRef": {"name": "a"}}}],
    "envFrom": [{"secretRef": {"name": "a"}}],
    "resources": {"limits": {"cpu": "1"}, "requests": {"cpu": 1}},
    "volumeMounts": [{"name": "a", "mountPath": "/a", "readOnly": True}],
}
REQUIREMENT: Manifest = {"key": "a", "operator": "In", "values": ["b"]}
TERM: Manifest = {"matchExpressions": [REQUIREMENT], "matchFields": [REQUIREMENT]}
NODES: Manifest = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [TERM]}}
POD: Manifest = {
    "metadata": META,
    "spec": {
        "containers": [CONTAINER],
        "initContainers": [CONTAINER],
        "securityContext": SECURITY,
        "volumes": [
            {"name": "a", "hostPath": {"path": "/"}},
            {"projected": {"sources": [{"serviceAccountToken": {"expirationSeconds": 9}}]}},
        ],
        "os": {"name": "linux"},
        "nodeSelector": {"a": "b"},
        "tolerations": [{"key": "a", "effect": "b"}],
        "affinity": {"nodeAffinity": NODES},
    },
}
#: Every kind that is judged or stands beside, with all that may be null in it.
WHOLE: dict[str, Manifest] = {
    **{kind: {"metadata": META, **manifest} for kind, (manifest, _) in FULL.items()},
    "Pod": POD,
    "PodTemplate": {"metadata": META, "template": POD},
    "CronJob": {"metadata": META, "spec": {"jobTemplate": {"spec": {"template": POD}}}},
    **{
        kind.name: {"metadata": META, "spec": {"template": POD}}
        for kind in BY_NAME.values()
        if kind.holds_pod and kind.name not in {"Pod", "PodTemplate", "CronJob"}
    },
    "ServiceAccount": {"metadata": META, "automountServiceAccountToken": False},
    "LimitRange": {
        "metadata": META,
        "spec": {"limits": [{"type": "Container", "max": {"memory": "1Gi"}}]},
    },
    "ResourceQuota": {"metadata": META, "spec": {"hard": {"pods": "1"}}},
}
APPLIED = apply(
    [compile_policy(selector={}, profile="high", catalog=ALL, enforcement="Enforce")],
    "shop",
    {},
    frozenset(),
)


def _with_nulls(value: Any) -> Iterator[Any]:  # noqa: ANN401 -- JSON
    """Yield the value with null in place of each of its parts in turn."""
    steps = value.items() if isinstance(value, dict) else enumerate(value)
    for step, part in list(steps):
        changed = deepcopy(value)
        changed[step] = None
        yield changed
        if isinstance(part, dict | list):
            for each in _with_nulls(part):
                yield {**value, step: each} if isinstance(value, dict) else _put(value, step, each)


def _put(items: list[Any], index: int, item: object) -> list[Any]:
    return [*items[:index], item, *items[index + 1 :]]


def _read(kind: str, manifest: Manifest) -> Subject | Item[Any]:
    data = json.dumps(manifest).encode()
    if kind in BY_NAME:
        return read_object(BY_NAME[kind].group, kind, data)
    return read_neighbour(kind, data)


@pytest.mark.parametrize("kind", sorted({*BY_NAME, *NEIGHBOURS}))
def test_a_null_is_taken_wherever_it_stands_and_what_it_makes_can_be_judged(kind: str) -> None:
    for manifest in _with_nulls(WHOLE[kind]):
        subject = _read(kind, manifest)
        if kind in BY_NAME:
            judge(Request(subject, None, json.dumps(manifest).encode()), APPLIED)


def test_a_null_text_is_the_empty_one() -> None:
    template = Reader(PodTemplateSpec).decode(
        b'{"metadata": {"labels": {"team": null}, "annotations": {"checksum": null, "a": "b"}}}'
    )
    assert template.metadata is not None
    assert template.metadata.labels == {"team": ""}
    assert template.metadata.annotations == {"checksum": "", "a": "b"}


def test_a_null_struct_is_one_that_says_nothing() -> None:
    deny = _read("NetworkPolicy", {"spec": {"podSelector": None, "ingress": [{"from": [None]}]}})
    assert isinstance(deny, Item)
    policy: NetworkPolicy = deny.body
    assert policy.spec.pod_selector == Selector()
    assert policy.spec.pod_selector.is_empty
    assert (policy.spec.ingress or ())[0].peers == (Peer(),)
    empty = _read("NetworkPolicy", {"spec": None})
    assert isinstance(empty, Item)
    assert empty.body == NetworkPolicy(NetworkPolicySpec())
    service = _read("Service", {"spec": None})
    assert isinstance(service, Item)
    assert service.body == Service(ServiceSpec())


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"null", "Expected `object`, got `null`"),
        (b'{"metadata": {"labels": {"a": null, "b": 1}}}', "$.metadata.labels[...]"),
        (b'{"spec": {"containers": [null, 1]}}', "$.spec.containers[1]"),
    ],
)
def test_what_fits_nothing_is_still_refused_by_its_field(data: bytes, text: str) -> None:
    with pytest.raises(ManifestError) as error:
        read_object("", "Pod", data)
    assert text in str(error.value)


def test_a_list_that_is_absurd_is_not_searched_for_nulls() -> None:
    data = b'{"spec": {"tolerations": [' + b",".join([b"null"] * 10_001) + b"]}}"
    with pytest.raises(msgspec.ValidationError):
        Reader(PodTemplateSpec).decode(data)
