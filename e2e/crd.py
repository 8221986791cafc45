"""Our CRD on a cluster: installed, and served."""

import time
from pathlib import Path
from typing import Final

from e2e.cluster.process import ClusterError
from e2e.cluster.target import Cluster

CRD: Final = Path(__file__).parents[1] / "crds" / "revet.dev_hardeningpolicies.yaml"
_SERVED: Final = "/apis/revet.dev/v1alpha1/hardeningpolicies"
_TIMEOUT_S: Final = 60


def install_crd(cluster: Cluster) -> None:
    """Install the HardeningPolicy's CRD, and return when it is served.

    `kubectl wait` is no help: it gives up on an object whose conditions are still null.
    """
    cluster.apply(CRD.read_text(encoding="utf-8"))
    _wait_until_served(cluster, _SERVED)


def serve_gateways(cluster: Cluster) -> None:
    """Have the kind Gateway served, as loosely as may be: the Gateway API comes by CRDs only."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"kind": "Gateway", "plural": "gateways", "singular": "gateway", "listKind": "Gateways"}
    name = "gateways.gateway.networking.k8s.io"
    approved = {"api-approved.kubernetes.io": "unapproved, a stand-in for tests"}
    spec = {"group": "gateway.networking.k8s.io", "scope": "Namespaced", "names": names}
    crd = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": name, "annotations": approved},
        "spec": spec | {"versions": [version]},
    }
    cluster.apply([crd])
    _wait_until_served(cluster, "/apis/gateway.networking.k8s.io/v1/gateways")


def _wait_until_served(cluster: Cluster, path: str) -> None:
    deadline = time.monotonic() + _TIMEOUT_S
    while (answer := cluster.kubectl("get", "--raw", path, check=False)).returncode:
        if time.monotonic() > deadline:
            raise ClusterError(f"{path} is not served after {_TIMEOUT_S} s: {answer.stderr}")
