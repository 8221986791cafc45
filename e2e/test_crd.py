"""The CustomResourceDefinition on a real API server: what the model says, the server says too."""

import json
from typing import Any

import pytest

from e2e.cluster.target import Cluster
from e2e.crd import CRD, install_crd
from revet.core.errors import PolicyError
from revet.core.model.policy import parse_policy
from tests.support.policies import PolicyFile, load_policies

GOOD = load_policies("good")
BAD = load_policies("bad")
# A strict client is told of an unknown field before the schema is looked at.
_DRY_RUN = ("create", "--dry-run=server", "--validate=strict", "--filename=-", "--output=json")


@pytest.fixture(scope="module", autouse=True)
def _crd(cluster: Cluster) -> None:
    install_crd(cluster)


def _policy(name: str, **spec: object) -> dict[str, Any]:
    return {
        "apiVersion": "revet.dev/v1alpha1",
        "kind": "HardeningPolicy",
        "metadata": {"name": name},
        "spec": {"namespaceSelector": {}, "profile": "restricted", **spec},
    }


def test_the_server_finds_no_fault_with_the_crd(cluster: Cluster) -> None:
    found = cluster.kubectl("get", "-f", str(CRD), "--output=json")
    conditions = {each["type"]: each for each in json.loads(found.stdout)["status"]["conditions"]}
    assert conditions["Established"]["status"] == "True"
    # set where the schema is not structural
    assert "NonStructuralSchema" not in conditions


@pytest.mark.parametrize("file", GOOD, ids=lambda file: file.name)
def test_a_good_policy_is_taken(cluster: Cluster, file: PolicyFile) -> None:
    created = cluster.kubectl(*_DRY_RUN, input=file.text)
    # The server's answer has the defaults written out: the same policy, for the model too.
    ours, theirs = parse_policy(file.text), parse_policy(created.stdout)
    assert theirs.spec == ours.spec
    assert theirs.metadata.uid


@pytest.mark.parametrize("file", BAD, ids=lambda file: file.name)
def test_a_bad_policy_is_refused_with_our_words(cluster: Cluster, file: PolicyFile) -> None:
    answer = cluster.kubectl(*_DRY_RUN, input=file.text, check=False)
    assert answer.returncode == 1, answer.stdout
    assert file.server
    for text in file.server:
        assert text in answer.stderr
    with pytest.raises(PolicyError):
        parse_policy(file.text)


def test_defaults_are_filled_in(cluster: Cluster) -> None:
    created = cluster.kubectl(*_DRY_RUN, input=json.dumps(_policy("defaults")))
    assert json.loads(created.stdout)["spec"] == {
        "namespaceSelector": {},
        "podSelector": {},
        "profile": "restricted",
        "standardVersion": "latest",
        "enforcement": "Audit",
        "templates": "Enforce",
    }


def test_unknown_fields_are_pruned_with_a_warning(cluster: Cluster) -> None:
    policy = json.dumps(_policy("typo", enforcment="Enforce"))
    lenient = ("create", "--dry-run=server", "--validate=warn", "--filename=-", "--output=json")
    created = cluster.kubectl(*lenient, input=policy)
    assert 'Warning: unknown field "spec.enforcment"' in created.stderr
    assert "enforcment" not in json.loads(created.stdout)["spec"]


def test_a_stored_policy_shows_its_columns(cluster: Cluster) -> None:
    name = "columns"
    cluster.apply(_policy(name, enforcement="Warn"))
    try:
        status = {"counts": {"namespaces": 4, "nonCompliant": 3}, "runtime": "quiet"}
        patch = json.dumps({"status": status})
        target = ("hardeningpolicy", name, "--subresource=status", "--type=merge")
        cluster.kubectl("patch", *target, f"--patch={patch}")
        header, row = cluster.kubectl("get", "hp", name).stdout.splitlines()
        assert header.split() == [
            "NAME", "PROFILE", "ENFORCEMENT", "NAMESPACES", "NON-COMPLIANT", "RUNTIME", "AGE",
        ]  # fmt: skip
        assert row.split()[:-1] == [name, "restricted", "Warn", "4", "3", "quiet"]
        stored = parse_policy(cluster.kubectl("get", "hp", name, "--output=json").stdout)
        assert stored.status is not None
        assert stored.status.counts is not None
        assert stored.status.counts.non_compliant == 3
        assert stored.metadata.generation == 1
    finally:
        cluster.kubectl("delete", "hp", name)


def test_the_status_is_not_the_users_to_write(cluster: Cluster) -> None:
    policy = _policy("no-status") | {"status": {"runtime": "quiet"}}
    created = cluster.kubectl(*_DRY_RUN, input=json.dumps(policy))
    assert "status" not in json.loads(created.stdout)


def test_too_long_a_status_is_refused(cluster: Cluster) -> None:
    finding = {"control": "apparmor", "namespace": "a", "workload": "Pod/b", "message": "c"}
    cluster.apply(_policy("long"))
    try:
        patch = json.dumps({"status": {"topFindings": [finding] * 11}})
        target = ("hp", "long", "--subresource=status", "--type=merge")
        answer = cluster.kubectl("patch", *target, f"--patch={patch}", check=False)
        assert "status.topFindings: Too many: 11: must have at most 10 items" in answer.stderr
    finally:
        cluster.kubectl("delete", "hp", "long")


def test_the_crd_can_be_applied_on_the_clients_side(cluster: Cluster) -> None:
    """It must fit into an annotation, for those who run a plain `kubectl apply`."""
    cluster.kubectl("apply", "--dry-run=server", "--server-side=false", f"--filename={CRD}")


def test_each_field_is_explained(cluster: Cluster) -> None:
    text = " ".join(cluster.kubectl("explain", "hp.spec.controls.mode").stdout.split())
    assert "ENUM: Disabled Audit Warn Enforce" in text
    assert "Default: the profile's." in text
