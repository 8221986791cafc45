"""What `revet cleanup` takes for ours: what we wrote, and no copy of it."""

import json
from typing import Final

import pytest

from revet.cli import cleanup
from revet.core.model.meta import Manifest
from revet.core.model.policy import parse_policy
from revet.core.render.networkpolicy import NAMES, network_policies
from tests.support.manifests import policy

LABELS: Final = {"app.kubernetes.io/managed-by": "revet"}
POLICY: Final = {"apiVersion": "revet.dev/v1", "kind": "HardeningPolicy", "name": "a", "uid": "u"}
ROLE: Final = {**POLICY, "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole"}
FOREIGN: Final = {**POLICY, "apiVersion": "example.com/v1"}
NAME: Final = f"revet-{'0a' * 10}-isolate"
OURS: Final = [{"manager": "kubectl"}, {"manager": "revet", "operation": "Apply"}]
THEIRS: Final = [{"manager": "kubectl-client-side-apply"}]


def _manifest(kind: str, name: str, **metadata: object) -> Manifest:
    return {"kind": kind, "metadata": {"name": name, "uid": "u", "labels": LABELS} | metadata}


def _isolation(name: str = NAME, **metadata: object) -> Manifest:
    return _manifest("NetworkPolicy", name, namespace="shop", **metadata)


@pytest.mark.parametrize(
    ("manifest", "ours"),
    [
        (_isolation("any", ownerReferences=[ROLE, POLICY]), True),
        (_isolation(ownerReferences=[ROLE], managedFields=THEIRS), False),
        (_isolation(ownerReferences=[FOREIGN]), False),
        (_isolation(managedFields=OURS), True),
        (_isolation(managedFields=THEIRS), False),
        (_isolation(), False),
        (_isolation("revet-0a-isolate", managedFields=OURS), False),
        (_isolation(f"{NAME}-2", managedFields=OURS), False),
        (_manifest("ValidatingWebhookConfiguration", "revet"), True),
        (_manifest("MutatingWebhookConfiguration", "revet"), True),
        (_manifest("MutatingWebhookConfiguration", "revet", labels={}), False),
        (_manifest("MutatingWebhookConfiguration", "revet", labels={}, managedFields=OURS), True),
        (_manifest("MutatingWebhookConfiguration", "revet-2", managedFields=OURS), False),
        (_manifest("ValidatingAdmissionPolicy", "revet-namespace-labels"), True),
        (_manifest("ValidatingAdmissionPolicyBinding", "revet-namespace-labels"), True),
        (_manifest("ValidatingAdmissionPolicy", "revet"), False),
    ],
)
def test_only_what_we_wrote_is_ours(manifest: Manifest, *, ours: bool) -> None:
    assert cleanup._is_ours(manifest) is ours


def test_what_is_left_alone_is_told() -> None:
    found = cleanup.Leftovers(objects=[_isolation()], others=[_isolation("copy")])
    lines = found.describe().splitlines()
    assert "NetworkPolicy: 1, deleted" in lines
    assert lines[-1] == "NetworkPolicy shop/copy: left alone: labelled, not ours"


def test_what_we_write_is_named_as_cleanup_knows() -> None:
    allow = {"dns": True, "sameNamespace": True}
    asked = policy("strict", {"a": "b"}, network={"mode": "Enforce", "allow": allow})
    asked["metadata"]["uid"] = "u"
    made = network_policies(parse_policy(json.dumps(asked)), "shop")
    names = [each["metadata"]["name"] for each in made]
    assert len(names) == 3
    assert all(NAMES.fullmatch(name) for name in names)
