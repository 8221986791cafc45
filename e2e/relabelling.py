"""Two users who may update namespaces, one of them relabel them too, and the doors they go by."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from e2e.cluster.controlplane import ControlPlane

PLAIN: Final = "guard-plain"
HOLDER: Final = "guard-holder"
REFUSED: Final = "needs the verb relabel on hardeningpolicies.revet.dev"
#: Where a namespace's labels can be changed: the object itself, and its subresources.
DOORS: Final = ("", "status", "finalize")
_NAMESPACES: Final = ("namespaces", "namespaces/status", "namespaces/finalize")

Manifest = dict[str, Any]


def sign_in(plane: ControlPlane) -> Mapping[str, Path]:
    """Give both their rights; return their kubeconfigs by name."""
    plane.apply([*_role(PLAIN, _rules(relabel=False)), *_role(HOLDER, _rules(relabel=True))])
    return {user: plane.kubeconfig_for(user) for user in (PLAIN, HOLDER)}


def sign_out(plane: ControlPlane) -> None:
    """Take their rights away."""
    plane.kubectl("delete", "clusterrole,clusterrolebinding", PLAIN, HOLDER)


def patch(
    plane: ControlPlane, kubeconfig: Path, name: str, labels: Mapping[str, str | None], door: str
) -> str:
    """Change labels through a door of a namespace; return what is said against it."""
    as_user = f"--kubeconfig={kubeconfig}"
    if door == "finalize":
        return _finalize(plane, as_user, name, labels)
    patch = f"--patch={json.dumps({'metadata': {'labels': labels}})}"
    flags = ("--type=merge", *([f"--subresource={door}"] if door else []), as_user)
    return plane.kubectl("patch", "namespace", name, patch, *flags, check=False).stderr


def _finalize(
    plane: ControlPlane, as_user: str, name: str, labels: Mapping[str, str | None]
) -> str:
    # kubectl patches no /finalize: the whole object is put there.
    live = json.loads(plane.kubectl("get", "namespace", name, "--output=json").stdout)
    changed = {**live["metadata"]["labels"], **labels}
    live["metadata"]["labels"] = {key: each for key, each in changed.items() if each is not None}
    path = f"/api/v1/namespaces/{name}/finalize"
    raw = ("replace", f"--raw={path}", "--filename=-", as_user)
    return plane.kubectl(*raw, input=json.dumps(live), check=False).stderr


def labels_of(plane: ControlPlane, name: str) -> dict[str, str]:
    """Read a namespace's labels, but for its name."""
    found = plane.kubectl("get", "namespace", name, "--output=json").stdout
    labels: dict[str, str] = json.loads(found)["metadata"]["labels"]
    return {key: value for key, value in labels.items() if key != "kubernetes.io/metadata.name"}


def _role(user: str, rules: list[Manifest]) -> list[Manifest]:
    group = "rbac.authorization.k8s.io"
    ref = {"apiGroup": group, "kind": "ClusterRole", "name": user}
    subjects = [{"apiGroup": group, "kind": "User", "name": user}]
    role = {"apiVersion": f"{group}/v1", "kind": "ClusterRole", "metadata": {"name": user}}
    return [
        role | {"rules": rules},
        role | {"kind": "ClusterRoleBinding", "roleRef": ref, "subjects": subjects},
    ]


def _rules(*, relabel: bool) -> list[Manifest]:
    rules: list[Manifest] = [
        {
            "apiGroups": [""],
            "resources": list(_NAMESPACES),
            "verbs": ["get", "create", "update", "patch"],
        }
    ]
    if relabel:
        resources = {"apiGroups": ["revet.dev"], "resources": ["hardeningpolicies"]}
        rules.append({**resources, "verbs": ["relabel"]})
    return rules
