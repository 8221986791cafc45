"""Kinds without a pod on a real API server: what of them is sent to us, and what passes by.

The API server waits for every call before it answers, so what is not seen by then was not sent. An
expression error is a refusal under Fail, and a call that is left out under Ignore: neither passes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from e2e.api import Answer, Api, place, wait_for
from e2e.cluster.target import Cluster
from e2e.recorder import Call, Recorder
from revet.core.compiled_policy import CompiledPolicy
from revet.core.kinds import KINDS
from revet.core.render.webhook import NAME, Backend, webhook_configurations
from tests.support.own_checks import CLUSTER_SCOPED, ITEMS, item_check
from tests.support.policy_builder import compile_policy

Manifest = dict[str, Any]
_RBAC = "rbac.authorization.k8s.io"
NOTED: Manifest = {"metadata": {"annotations": {"new": "note"}}}
LABELLED: Manifest = {"metadata": {"labels": {"new": "label"}}}
FINALIZED: Manifest = {"metadata": {"finalizers": ["example.com/wait"]}}
UNFINALIZED: Manifest = {"metadata": {"finalizers": None}}


@dataclass(frozen=True)
class Case:
    """An object that says as little as it may, changes that pass us by, and changes that do not."""

    manifest: Manifest
    unseen: tuple[Manifest, ...]
    seen: tuple[Manifest, ...]

    @property
    def kind(self) -> str:
        """The object's kind."""
        return str(self.manifest["kind"])


def _object(version: str, kind: str, **fields: object) -> Manifest:
    name = f"item-{kind.lower()}"
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, **fields}


def _subject(name: str) -> Manifest:
    return {"subjects": [{"kind": "User", "apiGroup": _RBAC, "name": name}]}


def _grant(kind: str) -> Manifest:
    return {"roleRef": {"apiGroup": _RBAC, "kind": kind, "name": f"item-{kind.lower()}"}}


_RULE = {"verbs": ["get"], "apiGroups": [""], "resources": ["configmaps"]}
_BACKEND = {"service": {"name": "web", "port": {"number": 80}}}
CASES = [
    Case(
        _object("v1", "Service", spec={"ports": [{"port": 80}]}),
        (LABELLED, FINALIZED, UNFINALIZED),
        ({"spec": {"ports": [{"port": 81}]}}, NOTED, {"metadata": {"annotations": None}}),
    ),
    Case(
        _object("networking.k8s.io/v1", "Ingress", spec={"defaultBackend": _BACKEND}),
        (LABELLED, FINALIZED, UNFINALIZED),
        ({"spec": {"rules": [{"host": "a.example"}]}}, NOTED),
    ),
    Case(
        _object("networking.k8s.io/v1", "NetworkPolicy"),
        (LABELLED, NOTED, FINALIZED, UNFINALIZED),
        ({"spec": {"policyTypes": ["Ingress", "Egress"]}}, {"spec": {"ingress": [{}]}}),
    ),
    Case(
        _object(f"{_RBAC}/v1", "Role"),
        (NOTED, FINALIZED, UNFINALIZED),
        ({"rules": [_RULE]}, LABELLED, {"rules": None}),
    ),
    Case(
        _object(f"{_RBAC}/v1", "RoleBinding", **_grant("Role")),
        (LABELLED, NOTED, FINALIZED, UNFINALIZED),
        (_subject("jane"), _subject("joe"), {"subjects": None}),
    ),
    Case(
        _object(f"{_RBAC}/v1", "ClusterRole"),
        (NOTED, FINALIZED, UNFINALIZED),
        ({"rules": [_RULE]}, LABELLED, {"rules": None}),
    ),
    Case(
        _object(f"{_RBAC}/v1", "ClusterRoleBinding", **_grant("ClusterRole")),
        (LABELLED, NOTED, FINALIZED, UNFINALIZED),
        (_subject("jane"), _subject("joe"), {"subjects": None}),
    ),
]
by_kind = pytest.mark.parametrize("case", CASES, ids=lambda case: case.kind)


def test_every_kind_that_the_api_server_has_is_tried() -> None:
    # Some have a test of their own; Gateways come by a CRD, under the expressions of Services.
    assert {case.kind for case in CASES} | {"Namespace", "Secret", "Gateway"} == set(ITEMS)
    judged = {kind.name: kind.judged for kind in KINDS}
    assert judged["Gateway"] == judged["Service"]


def _policies(enforcement: str) -> list[CompiledPolicy]:
    some = {"matchLabels": {"tier": enforcement.lower()}}
    return [
        compile_policy("some", some, catalog=[item_check("a", *ITEMS)], enforcement=enforcement),
        compile_policy("all", {}, catalog=[item_check("b", *CLUSTER_SCOPED)]),
    ]


@pytest.fixture(scope="module")
def recorder(cluster: Cluster) -> Iterator[Recorder]:
    plane = cluster.control_plane
    if plane is None:
        pytest.skip("the recorder listens on loopback: REVET_E2E_CLUSTER=local")
    with Recorder(plane) as running:
        yield running


@pytest.fixture(scope="module")
def api(cluster: Cluster) -> Iterator[Api]:
    assert cluster.control_plane is not None
    api = Api(cluster.control_plane)
    yield api
    api.close()


@pytest.fixture(scope="module", params=["Enforce", "Audit"])
def door(
    request: pytest.FixtureRequest, cluster: Cluster, recorder: Recorder, api: Api
) -> Iterator[tuple[str, str]]:
    """Give the door of namespaced kinds and a namespace, with the entries in force."""
    assert cluster.control_plane is not None
    backend = Backend(cluster.control_plane.ca_pem, recorder.url)
    manifests = webhook_configurations(_policies(request.param), backend, ["revet-system"])
    cluster.apply(manifests)
    namespace = cluster.create_namespace({"tier": request.param.lower()})
    probe = _object("v1", "Service", spec={"ports": [{"port": 1}]})
    probe["metadata"]["name"] = f"probe-{request.param.lower()}"

    def is_asked() -> bool:
        answer = api.create(probe, namespace, dry_run=True)
        assert answer.is_success, answer.message
        return bool(recorder.about(probe["metadata"]["name"]))

    wait_for(is_asked, "entries in force")
    yield {"Enforce": "validate", "Audit": "audit"}[request.param], namespace
    for manifest in manifests:
        cluster.kubectl("delete", manifest["kind"], NAME)
    for case in CASES:
        if case.kind in CLUSTER_SCOPED:
            api.delete(case.manifest, "")
    cluster.delete_namespace(namespace)


def _patch(api: Api, case: Case, namespace: str, change: Manifest) -> None:
    answer = api.patch(case.manifest, namespace, change)
    assert answer.status == 200, answer.message
    _wait_until_cached(api, case, namespace, answer)


def _wait_until_cached(api: Api, case: Case, namespace: str, answer: Answer) -> None:
    """Wait until the API server has an object in its cache.

    It tries a patch on what is there, asks the webhooks, and does both again if that was old.
    """
    version = answer.body["metadata"]["resourceVersion"]
    cached = f"{place(case.manifest, namespace)}?resourceVersion=0"
    wait_for(
        lambda: api.send("GET", cached).body["metadata"]["resourceVersion"] == version, "in cache"
    )


@by_kind
def test_what_is_judged_is_sent_and_nothing_else(
    recorder: Recorder, api: Api, door: tuple[str, str], case: Case
) -> None:
    is_namespaced = case.kind not in CLUSTER_SCOPED
    name, namespace = case.manifest["metadata"]["name"], door[1] if is_namespaced else ""
    way = door[0] if is_namespaced else "cluster"
    recorder.calls.clear()
    created = api.create(case.manifest, namespace)
    assert created.is_success, created.message
    expected = [Call(way, "CREATE", case.kind, name)]
    assert recorder.about(name) == expected
    _wait_until_cached(api, case, namespace, created)
    for change in case.unseen:
        _patch(api, case, namespace, change)
        assert recorder.about(name) == expected, change
    for change in case.seen:
        _patch(api, case, namespace, change)
        expected.append(Call(way, "UPDATE", case.kind, name))
        assert recorder.about(name) == expected, change
        # The same once more changes nothing.
        _patch(api, case, namespace, change)
        assert recorder.about(name) == expected, change
    assert api.delete(case.manifest, namespace).is_success
    assert recorder.about(name) == expected


@pytest.mark.parametrize(
    ("kind", "is_sent"),
    [
        (None, False),
        ("Opaque", False),
        ("kubernetes.io/basic-auth", False),
        ("kubernetes.io/service-account-token", True),
    ],
)
def test_of_secrets_only_tokens_are_sent(
    recorder: Recorder, api: Api, door: tuple[str, str], kind: str | None, *, is_sent: bool
) -> None:
    way, namespace = door
    secret = _object("v1", "Secret", stringData={"username": "a", "password": "b"})
    secret |= {} if kind is None else {"type": kind}
    secret["metadata"]["annotations"] = {"kubernetes.io/service-account.name": "default"}
    secret["metadata"]["name"] = name = f"item-{(kind or 'none').rpartition('/')[2].lower()}"
    recorder.calls.clear()
    created = api.create(secret, namespace)
    assert created.is_success, created.message
    expected = [Call(way, "CREATE", "Secret", name)] if is_sent else []
    assert recorder.about(name) == expected
    for change in (LABELLED, NOTED, {"stringData": {"password": "c"}}):
        assert api.patch(secret, namespace, change).status == 200
    assert api.delete(secret, namespace).is_success
    assert recorder.about(name) == expected


@pytest.mark.parametrize(
    ("labels", "is_sent"),
    [
        (None, False),
        ({"team": "a"}, False),
        ({"pod-security.kubernetes.io/warn": "baseline"}, False),
        ({"pod-security.kubernetes.io/enforce": "baseline"}, True),
    ],
)
@pytest.mark.usefixtures("door")
def test_of_namespaces_only_those_with_a_level_are_sent(
    recorder: Recorder, api: Api, labels: dict[str, str] | None, *, is_sent: bool
) -> None:
    new = _object("v1", "Namespace")
    name = new["metadata"]["name"]
    new["metadata"] |= {} if labels is None else {"labels": labels}
    recorder.calls.clear()
    answer = api.send("POST", "/api/v1/namespaces?dryRun=All", new)
    assert answer.is_success, answer.message
    expected = [Call("cluster", "CREATE", "Namespace", name)] if is_sent else []
    assert recorder.about(name) == expected
