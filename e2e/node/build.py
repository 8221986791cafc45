"""Builds the programs of a node: `python -m e2e.node.build`.

It takes some minutes of CPU time, and only tests that are asked for want it: nothing builds it
unasked. runc is taken from PATH: it is in C, too, and distributions have it.
"""

import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, NamedTuple

from e2e.cluster.build import kubernetes_flags
from e2e.cluster.toolchain import ToolchainError, build_go, find_built

_MODULES: Final = Path(__file__).resolve().parent
_CONTAINERD: Final = "github.com/containerd/containerd/v2/cmd"
_PLUGINS: Final = "github.com/containernetworking/plugins/plugins"
#: Where a distribution may have put it; not all of these are on everybody's PATH.
_SYSTEM: Final = "/usr/sbin:/sbin"


class _Module(NamedTuple):
    """A folder with a go.mod, and the programs that are built from it."""

    folder: str
    packages: dict[str, str]
    ldflags: str


@dataclass(frozen=True)
class Programs:
    """Where they are."""

    kubelet: Path
    scheduler: Path
    containerd: Path
    ctr: Path
    bridge: Path
    pause: Path
    runc: Path


def build_node() -> Programs:
    """Build those that are not in the cache.

    Raises:
        ToolchainError: one does not build, or there is no runc.

    """
    made = {
        name: path
        for each in _modules()
        for name, path in zip(
            each.packages,
            build_go(
                _MODULES / each.folder,
                list(each.packages.values()),
                list(each.packages),
                ldflags=each.ldflags,
            ),
            strict=True,
        )
    }
    return _programs(made)


def find_node() -> Programs | None:
    """Return what was built of these sources; None if it was not."""
    made: dict[str, Path] = {}
    for each in _modules():
        packages, names = list(each.packages.values()), list(each.packages)
        found = find_built(_MODULES / each.folder, packages, names, each.ldflags)
        if found is None:
            return None
        made |= zip(names, found, strict=True)
    return _programs(made)


def find_program(name: str) -> Path | None:
    """Return where the system has a program."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:{_SYSTEM}")
    return Path(found) if found else None


def _modules() -> tuple[_Module, ...]:
    """Return the smallest first: whether it was built is then soon known."""
    kubernetes = {name: f"k8s.io/kubernetes/cmd/{name}" for name in ("kubelet", "kube-scheduler")}
    containers = {
        "containerd": f"{_CONTAINERD}/containerd",
        "containerd-shim-runc-v2": f"{_CONTAINERD}/containerd-shim-runc-v2",
        "ctr": f"{_CONTAINERD}/ctr",
        "bridge": f"{_PLUGINS}/main/bridge",
        "host-local": f"{_PLUGINS}/ipam/host-local",
    }
    return (
        _Module("pause", {"pause": "."}, "-s -w"),
        _Module("containers", containers, "-s -w"),
        _Module("kubelet", kubernetes, kubernetes_flags()),
    )


def _programs(made: dict[str, Path]) -> Programs:
    runc = find_program("runc")
    if runc is None:
        raise ToolchainError("there is no runc on PATH: Debian's and Fedora's package is `runc`")
    return Programs(
        kubelet=made["kubelet"],
        scheduler=made["kube-scheduler"],
        containerd=made["containerd"],
        ctr=made["ctr"],
        bridge=made["bridge"],
        pause=made["pause"],
        runc=runc,
    )


if __name__ == "__main__":
    for name, path in asdict(build_node()).items():
        print(f"{name}: {path}")
