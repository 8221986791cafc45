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
    deadline = time.monotonic() + _TIMEOUT_S
    while (answer := cluster.kubectl("get", "--raw", _SERVED, check=False)).returncode:
        if time.monotonic() > deadline:
            raise ClusterError(f"{_SERVED} is not served after {_TIMEOUT_S} s: {answer.stderr}")
