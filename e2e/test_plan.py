"""What we render beside what a real API server keeps of it: applied once, nothing is left to do."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from e2e.cluster.controlplane import ControlPlane
from e2e.cluster.target import Cluster
from e2e.crd import install_crd
from e2e.webhook import policy
from revet.core.compiled_policy import CompiledPolicy
from revet.core.model.meta import FIELD_MANAGER, Owner
from revet.core.model.policy import HardeningPolicy, parse_policy
from revet.core.network.facts import Place
from revet.core.plan import differs, find_extras, find_stale
from revet.core.render.baseline import MODES, PREFIX, rewritten
from revet.core.render.networkpolicy import network_policies
from revet.core.render.webhook import Backend, webhook_configurations

Manifest = dict[str, Any]
NAME = "plan"
LABELS = {"revet-e2e": "plan"}
PASS = {"name": "pass", "expression": "false"}
APPLY = ("apply", "--server-side", "--force-conflicts", f"--field-manager={FIELD_MANAGER}")


def _apply(cluster: Cluster, *manifests: Manifest) -> None:
    for manifest in manifests:
        cluster.kubectl(*APPLY, "--filename=-", input=json.dumps(manifest))


def _read(cluster: Cluster, manifest: Manifest) -> Manifest:
    metadata = manifest["metadata"]
    place = (manifest["kind"], metadata["name"], f"--namespace={metadata.get('namespace', '')}")
    flags = ("--output=json", "--show-managed-fields")
    live: Manifest = json.loads(cluster.kubectl("get", *place, *flags).stdout)
    return live


def _patch(cluster: Cluster, manifest: Manifest, patch: object, kind: str = "json") -> None:
    metadata = manifest["metadata"]
    place = (manifest["kind"], metadata["name"], f"--namespace={metadata.get('namespace', '')}")
    cluster.kubectl("patch", *place, f"--type={kind}", f"--patch={json.dumps(patch)}")


@pytest.fixture(scope="module")
def stored(cluster: Cluster) -> Iterator[HardeningPolicy]:
    """Give a policy as the API server has it: an owner without a uid is none."""
    install_crd(cluster)
    network = {"mode": "Enforce", "allow": {"sameNamespace": True}}
    cluster.apply(policy(NAME, LABELS, enforcement="Enforce", network=network))
    yield parse_policy(cluster.kubectl("get", "hp", NAME, "--output=json").stdout)
    cluster.kubectl("delete", "hp", NAME)


@pytest.mark.parametrize("selector", [{}, {"matchLabels": {"app": "web"}}], ids=["all", "some"])
def test_network_policies_are_kept_as_rendered(
    cluster: Cluster, stored: HardeningPolicy, namespace: str, selector: Manifest
) -> None:
    document = json.loads(stored.model_dump_json(by_alias=True, exclude_unset=True))
    document["spec"]["podSelector"] = selector
    uid = stored.metadata.uid
    ours = network_policies(parse_policy(json.dumps(document)), Place(namespace))
    _apply(cluster, *ours)
    live = [_read(cluster, each) for each in ours]
    assert [differs(one, other) for one, other in zip(ours, live, strict=True)] == [None] * 3
    assert find_stale(ours, live, uid) == []
    assert find_stale([], live, uid) == live


def test_a_foreign_edit_of_a_network_policy_goes_with_the_next_apply(
    cluster: Cluster, stored: HardeningPolicy, namespace: str
) -> None:
    isolate = network_policies(stored, Place(namespace))[0]
    _apply(cluster, isolate)
    for field in ("ingress", "egress"):
        _patch(cluster, isolate, {"spec": {field: [{}]}}, "merge")
        assert differs(isolate, _read(cluster, isolate)) == f"spec.{field}"
    _apply(cluster, isolate)
    assert differs(isolate, _read(cluster, isolate)) is None


@pytest.fixture
def owner(cluster: Cluster) -> Iterator[Owner]:
    """Give a ClusterRole that owns what is applied, and takes it away at the end."""
    version = "rbac.authorization.k8s.io/v1"
    cluster.apply({"apiVersion": version, "kind": "ClusterRole", "metadata": {"name": NAME}})
    found = cluster.kubectl("get", "clusterrole", NAME, "--output=jsonpath={.metadata.uid}")
    yield Owner(version, "ClusterRole", NAME, found.stdout)
    for kind in ("validatingwebhookconfiguration", "mutatingwebhookconfiguration"):
        cluster.kubectl("delete", kind, "revet", "--ignore-not-found")
    cluster.kubectl("delete", "clusterrole", NAME)


def test_webhook_configurations_are_kept_as_rendered_and_cleaned_of_what_others_add(
    control_plane: ControlPlane, stored: HardeningPolicy, owner: Owner
) -> None:
    compiled = CompiledPolicy.of(stored)
    backend = Backend(control_plane.ca_pem)
    ours = webhook_configurations([compiled], backend, ["revet-system"], owner)
    _apply(control_plane, *ours)
    live = [_read(control_plane, each) for each in ours]
    assert [differs(one, other) for one, other in zip(ours, live, strict=True)] == [None] * 2
    assert find_stale(ours, live, owner.uid) == []
    assert find_stale([], live, owner.uid) == live
    for manifest in ours:
        _tamper(control_plane, manifest)
        _apply(control_plane, manifest)
        # An apply alone lets the foreign condition stand, which lets everything through.
        tampered = _read(control_plane, manifest)
        assert "matchConditions" in str(differs(manifest, tampered))
        _patch(control_plane, manifest, find_extras(manifest, tampered))
        assert differs(manifest, _read(control_plane, manifest)) is None
        assert find_extras(manifest, _read(control_plane, manifest)) == []


def _tamper(plane: ControlPlane, manifest: Manifest) -> None:
    foreign = {**manifest["webhooks"][0], "name": "foreign.example.com"}
    has_conditions = bool(manifest["webhooks"][0].get("matchConditions"))
    place = "/webhooks/0/matchConditions"
    condition = (
        {"op": "add", "path": f"{place}/-", "value": PASS}
        if has_conditions
        else {"op": "add", "path": place, "value": [PASS]}
    )
    _patch(
        plane,
        manifest,
        [
            condition,
            {"op": "replace", "path": "/webhooks/0/timeoutSeconds", "value": 1},
            {"op": "add", "path": "/webhooks/0", "value": foreign},
        ],
    )


def test_managed_fields_tell_who_wrote_a_label_last(cluster: Cluster, namespace: str) -> None:
    labels = {f"{PREFIX}{mode}": "baseline" for mode in MODES}
    before = dict.fromkeys(labels)
    ours = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": namespace, "labels": labels},
    }
    _apply(cluster, ours)
    assert rewritten(_read(cluster, ours), before) == frozenset()
    enforce, warn = f"{PREFIX}enforce", f"{PREFIX}warn"
    cluster.kubectl("label", "namespace", namespace, f"{enforce}=restricted", "--overwrite")
    cluster.kubectl("label", "namespace", namespace, f"{warn}-")
    assert rewritten(_read(cluster, ours), before) == {enforce}
