"""Controls that look beside an object, with the chart's rights: found, unknown, and known again."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest

from e2e.api import Answer, Api, wait_for
from e2e.release import Release
from e2e.webhook import policy
from revet.core.model.catalog import CONTROLS
from tests.support.manifests import Manifest, pod, workload
from tests.support.signing_requests import signing_request

NAME: Final = "beside"
ALL: Final = "everywhere"
_RBAC: Final = "rbac.authorization.k8s.io"
_TOKEN: Final = "automount-sa-token"  # noqa: S105 -- a control's name
_COVERAGE: Final = "netpol-pod-coverage"
#: The rule of the chart's ClusterRole that lets the webhook watch NetworkPolicies.
_ROLE: Final = "clusterrole/revet-webhook"


@pytest.fixture
def namespace(running: Release) -> Iterator[str]:
    name = running.plane.create_namespace({NAME: "yes"})
    yield name
    running.plane.kubectl("delete", "hardeningpolicies", NAME, ALL, "--ignore-not-found")
    running.plane.delete_namespace(name)


def _only(*controls: str, **spec: object) -> Manifest:
    """Write a policy of these controls alone, all of them enforced."""
    off = [{"id": each, "mode": "Disabled"} for each in CONTROLS if each not in controls]
    on = [{"id": each, "mode": "Enforce"} for each in controls]
    return policy(NAME, {NAME: "yes"}, **{"controls": on + off, "enforcement": "Enforce", **spec})


def _enforce(release: Release, *controls: str) -> None:
    release.plane.apply(_only(*controls))
    wait = ("wait", f"hardeningpolicy/{NAME}", "--for=condition=Enforcing", "--timeout=60s")
    release.plane.kubectl(*wait)


def _pod(name: str = "web", **spec: object) -> Manifest:
    return pod(name, serviceAccountName="api", **spec)


def _binding(namespace: str) -> Manifest:
    return {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "api"},
        "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": "view"},
        "subjects": [{"kind": "ServiceAccount", "name": "api", "namespace": namespace}],
    }


def _try(api: Api, manifest: Manifest, namespace: str) -> Answer:
    return api.create(manifest, namespace, dry_run=True)


def _wait_until_refused(api: Api, manifest: Manifest, namespace: str, text: str) -> None:
    wait_for(lambda: text in _try(api, manifest, namespace).message, f"refused: {text}")


def test_a_token_is_refused_until_somebody_binds_its_account(
    running: Release, api: Api, namespace: str
) -> None:
    plane = running.plane
    _enforce(running, _TOKEN)
    plane.kubectl("create", "serviceaccount", "api", f"--namespace={namespace}")
    text = f"a token of ServiceAccount {namespace}/api is mounted, and no role is bound to that"
    _wait_until_refused(api, _pod(), namespace, text)
    assert _try(api, _pod(automountServiceAccountToken=False), namespace).is_success
    # A template is never refused for it: the account may be bound before the first pod comes.
    deployment = workload("Deployment")
    deployment["spec"]["template"]["spec"]["serviceAccountName"] = "api"
    answer = _try(api, deployment, namespace)
    assert answer.is_success, answer.message
    assert any(_TOKEN in each for each in answer.warnings)
    assert api.create(_binding(namespace), namespace).is_success
    wait_for(lambda: _try(api, _pod(), namespace).is_success, "bound", timeout_s=10)
    assert api.delete(_binding(namespace), namespace).is_success
    _wait_until_refused(api, _pod(), namespace, text)


def test_an_account_of_a_moment_ago_is_waited_for(
    running: Release, api: Api, namespace: str
) -> None:
    _enforce(running, _TOKEN)
    _wait_until_refused(api, pod(automountServiceAccountToken=True), namespace, _TOKEN)
    account = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "api", "namespace": namespace},
        "automountServiceAccountToken": False,
    }
    running.plane.apply(account)
    # At once: the call waits until the watch has told of it.
    assert _try(api, _pod(), namespace).is_success


def _grant(release: Release, *verbs: str) -> None:
    """Say what the webhook may do with NetworkPolicies."""
    role: Manifest = json.loads(release.plane.kubectl("get", _ROLE, "--output=json").stdout)
    for rule in role["rules"]:
        if "networkpolicies" in rule["resources"]:
            rule["verbs"] = list(verbs)
    release.plane.kubectl("replace", "--filename=-", input=json.dumps(role))


def _condition(release: Release) -> str:
    path = "--output=jsonpath={.status.conditions[?(@.type=='Enforcing')].reason}"
    return release.plane.kubectl("get", f"hardeningpolicy/{NAME}", path).stdout


def test_nothing_is_enforced_by_what_nobody_sees(
    running: Release, api: Api, namespace: str
) -> None:
    _grant(running, "delete")
    try:
        running.plane.apply(_only(_COVERAGE))
        wait_for(lambda: _condition(running) == "Waiting", "waiting for the watch")
        # Not one object is refused meanwhile, and the webhook stays ready for all others.
        assert _try(api, pod(), namespace).is_success
        assert running.webhook.metric("revet_policy_generation", policy=NAME) == 1
        told = [line for line in running.webhook.logged() if "networkpolicies" in json.dumps(line)]
        assert any("forbidden" in json.dumps(line) for line in told)
    finally:
        _grant(running, "list", "watch")
    wait_for(lambda: _condition(running) == "Enforced", "enforced", timeout_s=60)
    _wait_until_refused(api, pod(), namespace, "no NetworkPolicy selects the pod for Ingress")
    isolated = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    everything: Manifest = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "all"},
        "spec": isolated,
    }
    assert api.create(everything, namespace).is_success
    wait_for(lambda: _try(api, pod(), namespace).is_success, "covered", timeout_s=10)


def test_a_namespace_with_too_weak_a_level_is_refused(running: Release, api: Api) -> None:
    plane = running.plane
    everywhere: Mapping[str, Any] = _only("psa-labels", namespaceSelector={}) | {
        "metadata": {"name": ALL}
    }
    plane.apply(everywhere)

    def ask(**labels: str) -> Answer:
        metadata = {"name": "psa-new", "labels": labels}
        new = {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
        return api.send("POST", "/api/v1/namespaces?dryRun=All", new)

    key = "pod-security.kubernetes.io/enforce"
    try:
        wait_for(lambda: not ask(**{key: "privileged"}).is_success, "judged")
        refused = ask(**{key: "baseline"})
        assert f"Namespace psa-new: 1 finding, policy {ALL} (restricted)" in refused.message
        assert f"{key} is baseline, must be restricted" in refused.message
        assert ask(**{key: "restricted"}).is_success
        # The operator, or people, may still write one.
        assert ask(team="a").is_success
    finally:
        plane.kubectl("delete", "hardeningpolicy", ALL)


def _status(release: Release) -> Manifest:
    got = release.plane.kubectl("get", f"hardeningpolicy/{NAME}", "--output=json").stdout
    status: Manifest = json.loads(got).get("status", {})
    return status


def test_the_audit_counts_every_kind_that_is_judged(
    running: Release, api: Api, namespace: str
) -> None:
    plane = running.plane
    plane.kubectl("create", "serviceaccount", "api", f"--namespace={namespace}")
    assert api.create(_pod(), namespace).is_success
    service = {"ports": [{"port": 80}], "type": "NodePort"}
    metadata = {"name": "open"}
    manifest = {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": service}
    assert api.create(manifest, namespace).is_success
    controls = (_TOKEN, "netpol-default-deny-ingress", "limit-range", "service-node-port")
    plane.apply(_only(*controls, enforcement="Audit"))
    counts = {
        "namespaces": 1,
        "workloads": 1,
        # The pod, the Service, and of all three the namespace itself.
        "wouldBeDenied": 2,
        "nonCompliant": 3,
        "notChecked": 0,
    }
    wait_for(lambda: _status(running).get("counts") == counts, "counted", timeout_s=60)
    found = {(each["control"], each["workload"]) for each in _status(running)["topFindings"]}
    assert found == {
        (_TOKEN, "Pod/web"),
        ("netpol-default-deny-ingress", f"Namespace/{namespace}"),
        ("limit-range", f"Namespace/{namespace}"),
        ("service-node-port", "Service/open"),
    }


def test_the_audit_finds_certificates_that_are_asked_for(running: Release) -> None:
    plane = running.plane
    found = {"masters", "others"}
    plane.apply([signing_request("masters", "system:masters"), signing_request("others", "team")])
    plane.apply(_only("rbac-masters", namespaceSelector={}, enforcement="Audit"))
    try:
        wait_for(lambda: _status(running).get("counts", {}).get("nonCompliant"), "counted", 60)
        told = {(each["control"], each["workload"]) for each in _status(running)["topFindings"]}
        assert told == {("rbac-masters", "CertificateSigningRequest/masters")}
    finally:
        plane.kubectl("delete", "hardeningpolicy", NAME)
        plane.kubectl("delete", "certificatesigningrequests", *found)


def test_nothing_was_refused_to_the_operator(running: Release) -> None:
    lines = map(json.dumps, running.operator.logged_since_start())
    refused = [line for line in lines if " cannot " in line and " resource " in line]
    assert refused == []
