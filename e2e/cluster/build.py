"""Builds the programs of the control plane from the tools of this folder's go.mod."""

import re
from dataclasses import dataclass
from pathlib import Path

from e2e.cluster.toolchain import ToolchainError, build_go

MODULE = Path(__file__).resolve().parent
_KUBERNETES = "k8s.io/kubernetes"
# Built in this order: small ones first, so that a machine that can't build says so early.
_PACKAGES = {
    "etcd": "go.etcd.io/etcd/server/v3",
    "kubectl": f"{_KUBERNETES}/cmd/kubectl",
    "kube-apiserver": f"{_KUBERNETES}/cmd/kube-apiserver",
    "kube-controller-manager": f"{_KUBERNETES}/cmd/kube-controller-manager",
    "helm": "helm.sh/helm/v4/cmd/helm",
}


@dataclass(frozen=True)
class Tools:
    """Where the built programs are."""

    etcd: Path
    kubectl: Path
    apiserver: Path
    controller_manager: Path
    helm: Path


def build_tools() -> Tools:
    """Build all five, one after another; those in the cache cost nothing."""
    return Tools(*(build_tool(name) for name in _PACKAGES))


def build_tool(name: str) -> Path:
    """Build one of them, such as `kubectl`."""
    position = list(_PACKAGES).index(name) + 1
    label = f"[{position}/{len(_PACKAGES)}] building {name}"
    is_kubernetes = _PACKAGES[name].startswith(_KUBERNETES)
    ldflags = kubernetes_flags() if is_kubernetes else "-s -w"
    return build_go(MODULE, [_PACKAGES[name]], [name], ldflags=ldflags, label=label)[0]


def module_version(module: str) -> str:
    """Read a module's version from go.mod, as `v1.36.3`."""
    path = MODULE / "go.mod"
    found = re.search(rf"^\s+{re.escape(module)} (v\S+)", path.read_text(), re.MULTILINE)
    if found is None:
        raise ToolchainError(f"{path} requires no {module}")
    return found[1]


def kubernetes_flags() -> str:
    """Tell a program its own version: without it the API server says v0.0.0-master."""
    version = module_version(_KUBERNETES)
    major, minor, _ = version.removeprefix("v").split(".")
    values = {"gitVersion": version, "gitMajor": major, "gitMinor": minor}
    return "-s -w " + " ".join(
        f"-X k8s.io/component-base/version.{field}={value}" for field, value in values.items()
    )
