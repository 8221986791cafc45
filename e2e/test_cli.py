"""The command line against a real API server: `revet status`, `revet render`, `kubectl revet`."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
import yaml

from e2e.cluster.build import build_tool
from e2e.cluster.controlplane import ControlPlane
from e2e.cluster.target import Cluster
from e2e.crd import install_crd
from tests.support.manifests import Manifest

BIN: Final = Path(sys.executable).parent
_POD: Final = {"containers": [{"name": "app", "image": "registry.example.com/app:1.0"}]}
_BAD: Final = {**_POD, "hostPID": True}


def _policy(name: str, **spec: object) -> Manifest:
    return {
        "apiVersion": "revet.dev/v1alpha1",
        "kind": "HardeningPolicy",
        "metadata": {"name": name},
        "spec": {"namespaceSelector": {"matchLabels": {"tier": name}}, **spec},
    }


def _deployment(namespace: str, pod: Manifest) -> Manifest:
    labels = {"app": "web"}
    template = {"metadata": {"labels": labels}, "spec": pod}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": namespace},
        "spec": {"replicas": 2, "selector": {"matchLabels": labels}, "template": template},
    }


def _bind(namespace: str, user: str, role: str) -> Manifest:
    group = "rbac.authorization.k8s.io"
    return {
        "apiVersion": f"{group}/v1",
        "kind": "RoleBinding" if namespace else "ClusterRoleBinding",
        "metadata": {"name": f"{user}-{role}"} | ({"namespace": namespace} if namespace else {}),
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": group, "kind": "User", "name": user}],
    }


def _revet(kubeconfig: Path, *args: str) -> subprocess.CompletedProcess[str]:
    command = [str(BIN / "revet"), *args]
    environ = {**os.environ, "KUBECONFIG": str(kubeconfig)}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environ)


@pytest.fixture(scope="module")
def plane(cluster: Cluster) -> Iterator[ControlPlane]:
    """Give a control plane with the CRD and the chart's role for readers of policies."""
    plane = cluster.control_plane
    if plane is None:
        pytest.skip("needs users of its own: REVET_E2E_CLUSTER=local")
    install_crd(plane)
    role = ("create", "clusterrole", "revet-policy-viewer", "--verb=get,list,watch")
    plane.kubectl(*role, "--resource=hardeningpolicies.revet.dev")
    yield plane
    # The chart could not be installed beside them.
    bindings = (f"clusterrolebinding/{user}-revet-policy-viewer" for user in ("dev", "stranger"))
    plane.kubectl("delete", "clusterrole/revet-policy-viewer", *bindings)


@pytest.fixture(scope="module")
def shop(plane: ControlPlane) -> Iterator[str]:
    """Give a namespace that two policies select, with a Deployment, its Pods and a Service."""
    name = plane.create_namespace({"tier": "shop"})
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "open", "namespace": name},
        "spec": {"type": "NodePort", "ports": [{"port": 80}]},
    }
    plane.apply(
        [
            _policy("shop", profile="restricted", enforcement="Enforce"),
            {
                **_policy("watch", profile="high"),
                "spec": {"namespaceSelector": {}, "profile": "high"},
            },
            _policy("elsewhere", profile="high", enforcement="Enforce"),
            _deployment(name, _BAD),
            service,
            _bind(name, "dev", "view"),
            _bind("", "dev", "revet-policy-viewer"),
            _bind(name, "guest", "view"),
            _bind("", "stranger", "revet-policy-viewer"),
        ]
    )
    plane.kubectl("wait", "--for=create", "pod", "-l", "app=web", "-n", name, "--timeout=60s")
    yield name
    plane.kubectl("delete", "hardeningpolicies", "--all")
    plane.delete_namespace(name)


def test_a_reader_of_a_namespace_is_told_what_holds_there(plane: ControlPlane, shop: str) -> None:
    done = _revet(plane.kubeconfig_for("dev"), "status", "-n", shop)
    assert (done.returncode, done.stderr) == (1, "")
    head, modes, *objects = done.stdout.split("\n\n")
    assert head.splitlines() == [
        f"Namespace {shop}",
        "  policy shop: profile restricted, Enforce here; the operator has not seen it yet",
        "  policy watch: profile high, Audit here; the operator has not seen it yet",
    ]
    assert "  Enforce  privileged-containers, host-namespaces, " in modes
    shown = {each.splitlines()[0]: each for each in objects}
    web = shown["Deployment web"]
    assert "  Enforce  host-namespaces (shop)\n    spec.template.spec: hostPID is true" in web
    assert "seccomp-required (shop)" not in web
    assert "service-node-port" in shown["Service open"]
    # What the template has is not told again of each Pod.
    assert all(
        "host-namespaces" not in text
        for name, text in shown.items()
        if name != "Deployment web" and "Pods of" in name
    )
    assert "  may not read: roles\n" in shown["Not known"]
    assert "findings (Enforce " in done.stdout


def test_who_may_not_read_policies_is_told_what_to_ask_for(plane: ControlPlane, shop: str) -> None:
    done = _revet(plane.kubeconfig_for("guest"), "status", "-n", shop)
    assert (done.returncode, done.stdout) == (2, "")
    assert "you may not list hardeningpolicies.revet.dev" in done.stderr
    assert "revet-policy-viewer" in done.stderr


def test_labels_that_may_not_be_read_leave_policies_undecided(
    plane: ControlPlane, shop: str
) -> None:
    done = _revet(plane.kubeconfig_for("stranger"), "status", "-n", shop)
    assert done.returncode == 2
    assert f"policy shop needs the labels of Namespace {shop}" in done.stdout
    assert "policy watch: profile high, Audit here" in done.stdout
    assert "  may not read: pods\n" in done.stdout
    assert "0 objects judged" in done.stdout


def test_a_system_namespace_has_no_policy(plane: ControlPlane, shop: str) -> None:
    assert shop
    done = _revet(plane.kubeconfig, "status", "-n", "kube-system")
    assert done.returncode == 0
    assert done.stdout.startswith("Namespace kube-system: no policy applies")


def test_a_namespace_that_is_not_there_is_bad_input(plane: ControlPlane) -> None:
    done = _revet(plane.kubeconfig, "status", "-n", "no-such")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "revet status: there is no Namespace no-such\n"


def test_no_server_is_bad_input(plane: ControlPlane, tmp_path: Path) -> None:
    config = yaml.safe_load(plane.kubeconfig.read_text(encoding="utf-8"))
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    done = _revet(path, "status", "-n", "default")
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr


def test_the_server_takes_all_that_is_rendered(
    plane: ControlPlane, shop: str, tmp_path: Path
) -> None:
    network = {"mode": "Enforce", "isolate": ["Ingress", "Egress"], "allow": {"dns": True}}
    labels = {"mode": "Enforce", "podSecurity": {"enforce": "baseline", "warn": "restricted"}}
    policy = _policy(
        "shop", profile="restricted", enforcement="Enforce", network=network, namespaces=labels
    )
    (tmp_path / "policy.yaml").write_text(yaml.safe_dump(policy), encoding="utf-8")
    live = plane.kubectl("get", "namespace", shop, "--output=yaml").stdout
    (tmp_path / "namespace.yaml").write_text(live, encoding="utf-8")
    files = (
        "-p",
        str(tmp_path / "policy.yaml"),
        "--namespace-file",
        str(tmp_path / "namespace.yaml"),
    )
    done = _revet(plane.kubeconfig, "render", *files)
    assert done.returncode == 0
    # What only a cluster tells is not in the files.
    told = [line.split(": ")[:2] for line in done.stderr.splitlines()]
    assert told == [["policy shop", "allow.dns"], ["policy shop", "allow.apiServer"]]
    dry = ("apply", "--server-side", "--dry-run=server", "--validate=strict", "--filename=-")
    taken = plane.kubectl(*dry, "--output=name", input=done.stdout).stdout.split()
    assert taken.count(f"namespace/{shop}") == 1
    assert sum(each.startswith("networkpolicy.") for each in taken) == 2
    assert sum("webhookconfiguration" in each for each in taken) == 2
    # The guards of namespaces' labels, databases, quarantine and held images, with their bindings.
    assert sum("validatingadmissionpolicy" in each for each in taken) == 8


def _kubectl(*args: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "KUBERC": "off"}
    command = [str(build_tool("kubectl")), *args]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environ)


def test_kubectl_runs_the_plugin_and_completes_it() -> None:
    done = _kubectl("revet", "explain", "sysctls")
    assert done.returncode == 0
    assert done.stdout.startswith("sysctls: ")
    offered = _kubectl("__complete", "revet", "expl").stdout.splitlines()
    assert [each.partition("\t")[0] for each in offered[:1]] == ["explain"]
    offered = _kubectl("__complete", "revet", "explain", "apparm").stdout.splitlines()
    assert offered[:2] == ["apparmor", ":4"]
