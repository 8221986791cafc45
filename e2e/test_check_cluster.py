"""`revet check --cluster` against a real API server: what it finds, pages, and may not read."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import jsonschema
import pytest

from e2e.api import Api, wait_for
from e2e.cluster.controlplane import ControlPlane
from e2e.cluster.target import Cluster
from e2e.crd import install_crd
from tests.support.manifests import Manifest

ROOT: Final = Path(__file__).parent.parent
REVET: Final = Path(sys.executable).parent / "revet"
SCHEMA: Final = json.loads((ROOT / "docs/schemas/check.schema.json").read_text(encoding="utf-8"))
#: More than the 500 that a page has.
MANY: Final = 510
NODE: Final = "node-1"
_POD: Final = {
    "hostPID": True,
    "containers": [{"name": "app", "image": "registry.example.com/app:1.0"}],
}


def _object(api_version: str, kind: str, name: str, namespace: str, **rest: object) -> Manifest:
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **rest}


def _policy(name: str, **spec: object) -> Manifest:
    selector = {"matchLabels": {"tier": "shop"}}
    spec = {"namespaceSelector": selector, "profile": "restricted", **spec}
    return _object("revet.dev/v1alpha1", "HardeningPolicy", name, "", spec=spec)


def _deployment(namespace: str) -> Manifest:
    labels = {"app": "web"}
    template = {"metadata": {"labels": labels}, "spec": _POD}
    spec = {"replicas": 3, "selector": {"matchLabels": labels}, "template": template}
    return _object("apps/v1", "Deployment", "web", namespace, spec=spec)


def _mirror(namespace: str, node_uid: str) -> Manifest:
    """Return a Pod as a node reports one that it runs by itself."""
    pod = _object("v1", "Pod", "static", namespace, spec={**_POD, "nodeName": NODE})
    owner = {"apiVersion": "v1", "kind": "Node", "name": NODE, "uid": node_uid, "controller": True}
    pod["metadata"] |= {
        "annotations": {"kubernetes.io/config.mirror": "1"},
        "ownerReferences": [owner],
    }
    return pod


def _token(namespace: str) -> Manifest:
    account = {"kubernetes.io/service-account.name": "default"}
    token = _object("v1", "Secret", "token", namespace, type="kubernetes.io/service-account-token")
    token["metadata"]["annotations"] = account
    return token


def _bind(namespace: str, user: str, role: str) -> Manifest:
    group = "rbac.authorization.k8s.io"
    kind = "RoleBinding" if namespace else "ClusterRoleBinding"
    reference = {"apiGroup": group, "kind": "ClusterRole", "name": role}
    subjects = [{"apiGroup": group, "kind": "User", "name": user}]
    name = f"{user}-{role}"
    return _object(f"{group}/v1", kind, name, namespace, roleRef=reference, subjects=subjects)


def _run(kubeconfig: Path, *args: str) -> subprocess.CompletedProcess[str]:
    command = [str(REVET), "check", "--cluster", *args]
    environ = {**os.environ, "KUBECONFIG": str(kubeconfig)}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environ)


def _report(kubeconfig: Path, *args: str) -> tuple[int, Any]:
    done = _run(kubeconfig, "-o", "json", *args)
    assert "Traceback" not in done.stderr
    report = json.loads(done.stdout)
    jsonschema.validate(report, SCHEMA)
    assert done.returncode == report["summary"]["exitCode"]
    return done.returncode, report


def _found(report: Manifest, control: str) -> list[tuple[str, str]]:
    return [
        (each["kind"], each["name"]) for each in report["findings"] if each["control"] == control
    ]


def _not_checked(report: Manifest) -> dict[str, bool]:
    return {each["reason"]: each["undecided"] for each in report["notChecked"]}


@pytest.fixture(scope="module")
def plane(cluster: Cluster) -> Iterator[ControlPlane]:
    plane = cluster.control_plane
    if plane is None:
        pytest.skip("needs users of its own: REVET_E2E_CLUSTER=local")
    install_crd(plane)
    role = ("create", "clusterrole", "policy-reader", "--verb=get,list,watch")
    plane.kubectl(*role, "--resource=hardeningpolicies.revet.dev")
    yield plane
    plane.kubectl("delete", "clusterrole/policy-reader", "clusterrolebinding/dev-policy-reader")


@pytest.fixture(scope="module")
def shop(plane: ControlPlane) -> Iterator[str]:
    """Give a namespace with a bad Deployment and its Pods, a mirror Pod and a token."""
    name = plane.create_namespace({"tier": "shop"})
    bindings = [
        _bind(name, "dev", "view"),
        _bind("", "dev", "policy-reader"),
        _bind(name, "guest", "view"),
    ]
    # A Pod whose node is not there is collected after a while.
    plane.apply({"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE}})
    uid = plane.kubectl("get", "node", NODE, "--output=jsonpath={.metadata.uid}").stdout
    objects = [_deployment(name), _mirror(name, uid), _token(name), *bindings]
    plane.apply([_policy("shop"), *objects])
    for jsonpath in ("{.status.replicas}=3",):
        wait = ("wait", f"--for=jsonpath={jsonpath}", "deployment/web", "--timeout=60s")
        plane.kubectl(*wait, f"--namespace={name}")
    yield name
    plane.kubectl("delete", "hardeningpolicies", "--all")
    plane.delete_namespace(name)
    plane.kubectl("delete", "node", NODE)


def test_all_that_stands_is_judged_by_the_clusters_own_policies(
    plane: ControlPlane, shop: str
) -> None:
    code, report = _report(plane.kubeconfig)
    assert code == 1
    assert [each["name"] for each in report["summary"]["policies"]] == ["shop"]
    found = _found(report, "host-namespaces")
    assert [kind for kind, _ in found] == ["Pod"] * 4 + ["Deployment"]
    assert ("Secret", "token") in _found(report, "sa-long-lived-token")
    places = {(each["kind"], each["namespace"] or each["name"]) for each in report["findings"]}
    assert {place for _, place in places} == {shop}
    assert ("Namespace", shop) in places
    assert {(each["file"], each["line"]) for each in report["findings"]} == {("<cluster>", None)}
    # What a node runs by itself is told, as admission has it, and refused by nobody.
    assert {each["mode"] for each in report["findings"] if each["name"] == "static"} == {"Audit"}
    reasons = _not_checked(report)
    assert not any(reasons.values())
    assert any("in Namespace kube-system, which no policy selects" in each for each in reasons)
    assert any("of controllers, which are judged themselves" in each for each in reasons)


def test_pods_of_one_controller_are_told_once(plane: ControlPlane, shop: str) -> None:
    done = _run(plane.kubeconfig, "-n", shop)
    assert (done.returncode, done.stderr) == (1, "")
    titles = [line for line in done.stdout.splitlines() if line.startswith(f"Pod {shop}/web-")]
    assert len(titles) == 1
    assert " and 2 more of ReplicaSet web-" in titles[0]
    assert f"\nDeployment {shop}/web\n  Enforce  " in done.stdout
    assert f"Only Namespace {shop} was looked at, and nothing outside of it." in done.stdout


@pytest.mark.parametrize("form", ["sarif", "junit"])
def test_every_form_can_tell_of_a_cluster(plane: ControlPlane, shop: str, form: str) -> None:
    done = _run(plane.kubeconfig, "-n", shop, "-o", form)
    assert done.returncode == 1
    assert "host-namespaces" in done.stdout
    assert "startLine" not in done.stdout
    assert ":0" not in done.stdout


def test_p_goes_before_the_clusters_policies(plane: ControlPlane, shop: str) -> None:
    _, report = _report(plane.kubeconfig, "-n", shop, "-p", "baseline")
    assert [each["name"] for each in report["summary"]["policies"]] == ["baseline"]
    assert _found(report, "host-namespaces")


def test_no_page_is_lost(plane: ControlPlane) -> None:
    name = plane.create_namespace()
    rules = [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list"]}]
    api = Api(plane)
    for number in range(MANY):
        role = _object("rbac.authorization.k8s.io/v1", "Role", f"role-{number}", name, rules=rules)
        assert api.create(role, name).is_success
    api.close()
    _, report = _report(plane.kubeconfig, "-n", name, "-p", "high")
    assert len(set(_found(report, "rbac-secrets-read"))) == MANY
    plane.delete_namespace(name)


def test_a_namespaced_reader_is_told_what_was_not_seen(plane: ControlPlane, shop: str) -> None:
    code, report = _report(plane.kubeconfig_for("dev"), "-n", shop)
    assert code == 2
    assert len(_found(report, "host-namespaces")) == 5
    reasons = _not_checked(report)
    assert reasons[f"secrets in Namespace {shop} may not be read"]
    assert reasons[f"roles in Namespace {shop} may not be read"]
    assert not any(each.startswith("pods") for each in reasons)


def test_who_may_read_nothing_is_told_so_and_no_more(plane: ControlPlane, shop: str) -> None:
    code, report = _report(plane.kubeconfig_for("stranger"), "-n", shop, "-p", "restricted")
    assert (code, report["objects"], report["findings"]) == (2, 0, [])
    reasons = _not_checked(report)
    assert reasons[f"pods in Namespace {shop} may not be read"]
    assert "namespaces may not be read" in reasons


def test_labels_that_may_not_be_read_leave_objects_undecided(
    plane: ControlPlane, shop: str, tmp_path: Path
) -> None:
    policy = tmp_path / "policy.json"
    policy.write_text(json.dumps(_policy("shop")), encoding="utf-8")
    role = ("create", "role", "pods", "--verb=list", "--resource=pods", f"--namespace={shop}")
    plane.kubectl(*role)
    bind = ("create", "rolebinding", "pods", "--role=pods", "--user=blind", f"--namespace={shop}")
    plane.kubectl(*bind)
    asked = ("auth", "can-i", "list", "pods", f"--namespace={shop}", "--as=blind")
    wait_for(lambda: plane.kubectl(*asked, check=False).returncode == 0, "the new right")
    code, report = _report(plane.kubeconfig_for("blind"), "-n", shop, "-p", str(policy))
    assert (code, report["findings"]) == (2, [])
    reason = "policy shop needs its labels, and they could not be read"
    assert _not_checked(report)[f"4 objects in Namespace {shop}: {reason}"]


@pytest.mark.parametrize(
    ("user", "args", "said"),
    [
        ("guest", (), "you may not list hardeningpolicies.revet.dev: ask for the ClusterRole"),
        ("dev", ("-n", "no-such", "-p", "high"), "may not be read"),
    ],
)
def test_what_can_not_be_answered_is_bad_input(
    plane: ControlPlane, shop: str, user: str, args: tuple[str, ...], said: str
) -> None:
    assert shop
    done = _run(plane.kubeconfig_for(user), *args)
    assert done.returncode == 2
    assert said in done.stdout + done.stderr


def test_a_namespace_that_is_not_there_is_bad_input(plane: ControlPlane, shop: str) -> None:
    assert shop
    done = _run(plane.kubeconfig, "-n", "no-such")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "revet check: there is no Namespace no-such\n"


def test_a_cluster_without_policies_is_judged_by_the_profile(
    plane: ControlPlane, shop: str
) -> None:
    plane.kubectl("delete", "hardeningpolicies", "--all")
    _, report = _report(plane.kubeconfig, "-n", shop)
    plane.apply([_policy("shop")])
    assert [each["name"] for each in report["summary"]["policies"]] == ["restricted"]
    assert "The cluster has no policy" in report["summary"]["notes"][0]
