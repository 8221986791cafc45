"""What `revet cleanup` takes for ours: what we wrote, and no copy of it."""

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import pytest
from kubernetes.aio.client.api_client import ApiClient
from typer.testing import CliRunner

from revet.adapters import kube
from revet.adapters.kube import Kube, KubeError
from revet.adapters.objects import Objects
from revet.cli import cleanup
from revet.cli.main import INCOMPLETE, app
from revet.core.model.meta import POD_SECURITY_ANNOTATION, Manifest
from revet.core.model.policy import parse_policy
from revet.core.network.facts import Place
from revet.core.render.isolation_names import NAMES
from revet.core.render.networkpolicy import network_policies
from tests.support.manifests import namespace, policy

LABELS: Final = {"app.kubernetes.io/managed-by": "revet"}
POLICY: Final = {"apiVersion": "revet.dev/v1", "kind": "HardeningPolicy", "name": "a", "uid": "u"}
ROLE: Final = {**POLICY, "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole"}
FOREIGN: Final = {**POLICY, "apiVersion": "example.com/v1"}
NAME: Final = f"revet-{'0a' * 10}-isolate"
QUOTA_NAME: Final = f"revet-{'0a' * 10}-resource-quota"
OURS: Final = [{"manager": "kubectl"}, {"manager": "revet", "operation": "Apply"}]
THEIRS: Final = [{"manager": "kubectl-client-side-apply"}]


def _manifest(kind: str, name: str, **metadata: object) -> Manifest:
    return {"kind": kind, "metadata": {"name": name, "uid": "u", "labels": LABELS} | metadata}


def _isolation(name: str = NAME, **metadata: object) -> Manifest:
    return _manifest("NetworkPolicy", name, namespace="shop", **metadata)


def _bound(name: str = QUOTA_NAME, **metadata: object) -> Manifest:
    return _manifest("ResourceQuota", name, namespace="shop", **metadata)


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
        (_bound("any", ownerReferences=[POLICY]), True),
        (_bound(managedFields=OURS), True),
        (_bound(managedFields=THEIRS), False),
        (_bound("tenant", managedFields=OURS), False),
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
    made = network_policies(parse_policy(json.dumps(asked)), Place("shop"))
    names = [each["metadata"]["name"] for each in made]
    assert len(names) == 3
    assert all(NAMES.fullmatch(name) for name in names)


class Refusing(Objects):
    """Objects of which one of each sort can't be changed."""

    async def list(
        self,
        kind: str,
        namespace: str = "",
        selector: str = "",
        fields: str = "",
        trim: Callable[[Manifest], Manifest] = dict,  # noqa: ARG002 -- as its twin
    ) -> list[Manifest]:
        """Give a policy, two namespaces and their ServiceAccounts, or two of a kind."""
        assert namespace == ""
        match kind:
            case "Namespace":
                return [_labelled("bad"), _labelled("good")]
            case "HardeningPolicy":
                return [_manifest(kind, "bad")]
            case "ServiceAccount":
                assert fields == "metadata.name=default"
                return [_quiet("bad"), _quiet("good"), _quiet("none", managedFields=[])]
            case "NetworkPolicy":
                assert selector
                owned = {"ownerReferences": [POLICY]}
                return [_isolation("bad", **owned), _isolation("good", **owned)]
            case _:
                return []

    async def get(self, kind: str, name: str, namespace: str = "") -> Manifest | None:
        """Give a namespace, or its ServiceAccount, as it stands."""
        if kind == "ServiceAccount":
            return _quiet(namespace)
        assert (kind, namespace) == ("Namespace", "")
        return _labelled(name)

    async def apply(self, manifest: Manifest, subresource: str = "") -> Manifest:
        """Refuse what is in the namespace that is called bad."""
        assert not subresource
        assert "automountServiceAccountToken" not in manifest
        if manifest["metadata"]["namespace"] == "bad":
            raise KubeError("no right to", 403)
        return manifest

    async def patch(
        self, manifest: Manifest, operations: Sequence[Mapping[str, Any]], subresource: str = ""
    ) -> Manifest:
        """Refuse what is called bad."""
        assert operations
        assert not subresource
        await self.delete(manifest)
        return manifest

    async def delete(self, manifest: Manifest) -> None:
        """Refuse what is called bad."""
        if manifest["metadata"]["name"] == "bad":
            raise KubeError("no right to", 403)


def _labelled(name: str) -> Manifest:
    made = namespace(name)
    noted = {POD_SECURITY_ANNOTATION: "{}"}
    made["metadata"] |= {"uid": name, "resourceVersion": "1", "annotations": noted}
    return made


def _quiet(place: str, **metadata: object) -> Manifest:
    fields: Manifest = {"f:automountServiceAccountToken": {}}
    ours = {"manager": "revet", "operation": "Apply", "fieldsV1": fields}
    made = _manifest("ServiceAccount", "default", namespace=place, managedFields=[ours])
    made["metadata"] |= metadata
    return {**made, "automountServiceAccountToken": False}


def test_what_cannot_be_taken_back_keeps_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    @asynccontextmanager
    async def connect(kubeconfig: str) -> AsyncIterator[Kube]:
        assert kubeconfig == "none"
        async with ApiClient() as client:
            yield Kube(client)

    monkeypatch.setattr(kube, "connect", connect)
    monkeypatch.setattr(cleanup, "Objects", Refusing)
    monkeypatch.setattr("revet.adapters.objects.Objects", Refusing)
    answer = CliRunner().invoke(app, ["cleanup", "--yes", "--kubeconfig=none"])
    assert answer.exit_code == INCOMPLETE
    assert "ServiceAccount default: 2, automountServiceAccountToken put back" in answer.stdout
    assert answer.stdout.splitlines()[-3:] == [
        "deleted NetworkPolicy shop/good",
        "put back the Pod Security labels of Namespace good",
        "put back automountServiceAccountToken of ServiceAccount good/default",
    ]
    assert answer.stderr.splitlines() == [
        "revet cleanup: HardeningPolicy bad is not deleted: no right to",
        "revet cleanup: NetworkPolicy shop/bad is not deleted: no right to",
        "revet cleanup: Namespace bad has not got its labels back: no right to",
        "revet cleanup: ServiceAccount bad/default is not as it was: no right to",
    ]
