"""Which cluster the tests run on: one booted here, or any other by its kubeconfig."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from e2e.cluster.build import build_tool, build_tools
from e2e.cluster.controlplane import ControlPlane
from e2e.cluster.kubectl import Kubectl, Manifests
from e2e.cluster.process import ClusterError

VARIABLE = "REVET_E2E_CLUSTER"
TARGETS = ("local", "kubeconfig")


class Cluster(Protocol):
    """What a test may ask of any cluster."""

    @property
    def kubeconfig(self) -> Path:
        """An admin's kubeconfig, complete in itself."""
        ...

    @property
    def control_plane(self) -> ControlPlane | None:
        """What can be restarted and calls webhooks on loopback; None where that isn't ours."""
        ...

    def kubectl(
        self,
        *args: str,
        input: str | None = None,  # noqa: A002 - as subprocess.run names it
        check: bool = True,
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl as the admin."""
        ...

    def apply(self, manifests: Manifests) -> None:
        """Apply YAML text, one object or several."""
        ...

    def create_namespace(self, labels: Mapping[str, str] | None = None) -> str:
        """Create a namespace with a new name, and return when pods can be created in it."""
        ...

    def delete_namespace(self, name: str) -> None:
        """Delete a namespace, not waiting for its contents to go."""
        ...


class KubeconfigCluster:
    """Somebody else's cluster, by a copy of its kubeconfig: a context switch does not move us."""

    control_plane = None

    def __init__(self, kubeconfig: str, folder: Path) -> None:
        self.kubeconfig = folder / "kubeconfig"
        on_path = shutil.which("kubectl")
        program = Path(on_path) if on_path else build_tool("kubectl")
        self._copy(program, kubeconfig)
        self._kubectl = Kubectl(program, self.kubeconfig, folder / "cache")
        self._kubectl.run("version", "--request-timeout=20s")

    def kubectl(
        self,
        *args: str,
        input: str | None = None,  # noqa: A002 - as subprocess.run names it
        check: bool = True,
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl as the user of the kubeconfig."""
        return self._kubectl.run(*args, stdin=input, check=check)

    def apply(self, manifests: Manifests) -> None:
        """Apply YAML text, one object or several."""
        self._kubectl.apply(manifests)

    def create_namespace(self, labels: Mapping[str, str] | None = None) -> str:
        """Create a namespace with a new name, and return when pods can be created in it."""
        return self._kubectl.create_namespace(labels)

    def delete_namespace(self, name: str) -> None:
        """Delete a namespace, not waiting for its contents to go."""
        self._kubectl.delete_namespace(name)

    def _copy(self, program: Path, kubeconfig: str) -> None:
        argv = [str(program), "config", "view", "--raw", "--flatten", "--minify"]
        result = subprocess.run(
            argv,
            env={**os.environ, "KUBECONFIG": kubeconfig},
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode != 0:
            raise ClusterError(f"KUBECONFIG={kubeconfig} can't be used: {result.stderr.strip()}")
        self.kubeconfig.write_text(result.stdout)


def choose_target(environ: Mapping[str, str]) -> str:
    """Read which cluster is wanted, and check that what it needs is given."""
    target = environ.get(VARIABLE, "local")
    if target not in TARGETS:
        raise ClusterError(f"{VARIABLE}={target!r} is not known, must be one of {list(TARGETS)}")
    if target == "kubeconfig" and not environ.get("KUBECONFIG"):
        raise ClusterError(f"{VARIABLE}=kubeconfig needs KUBECONFIG, the cluster's kubeconfig")
    return target


def prepare(environ: Mapping[str, str]) -> None:
    """Build what the wanted cluster needs; it takes minutes the first time."""
    if choose_target(environ) == "local":
        build_tools()


@contextmanager
def open_cluster(environ: Mapping[str, str]) -> Iterator[Cluster]:
    """Give the cluster that the environment names."""
    if choose_target(environ) == "local":
        with ControlPlane() as plane:
            yield plane
    else:
        with tempfile.TemporaryDirectory(prefix="revet-e2e-") as folder:
            yield KubeconfigCluster(environ["KUBECONFIG"], Path(folder))
