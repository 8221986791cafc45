"""runtime-socket: no pod mounts the socket of the container runtime.

Fields: spec.volumes[*].hostPath.path
Allowed: no path that is, holds or lies under a runtime's socket
"""

from collections.abc import Iterator
from typing import Final

from revet.core.check import (
    Check,
    Default,
    Explanation,
    Finding,
    Fix,
    Profiles,
    Revision,
)
from revet.core.host_path import is_within, reached_path
from revet.core.model.pod import Pod
from revet.core.model.version import KubeVersion

#: Whoever speaks to a runtime's shim (/run/containerd/s) holds its containers too.
_SOCKETS: Final = (
    "/run/containerd/containerd.sock",
    "/run/containerd/containerd.sock.ttrpc",
    "/run/containerd/s",
    "/run/k3s/containerd/containerd.sock",
    "/run/k0s/containerd.sock",
    "/var/snap/microk8s/common/run/containerd.sock",
    "/run/crio/crio.sock",
    "/run/docker.sock",
    "/run/docker/containerd/containerd.sock",
    "/run/cri-dockerd.sock",
    "/run/dockershim.sock",
    "/run/podman/podman.sock",
)


def _runtime_socket(pod: Pod) -> Iterator[Finding]:
    for index, volume in enumerate(pod.spec.volumes or ()):
        path = volume.host_path.path if volume.host_path is not None else None
        if not path:
            continue
        plain = reached_path(path)
        reached = [each for each in _SOCKETS if is_within(each, plain) or is_within(plain, each)]
        if reached:
            yield Finding(
                "runtime-socket",
                f"/spec/volumes/{index}/hostPath/path",
                f"hostPath {path} reaches {reached[0]}, the container runtime",
                None,
                Fix("remove the volume; whoever holds that socket is root on the node"),
            )


CHECK = Check(
    id="runtime-socket",
    title="No container runtime socket",
    tier=1,
    revisions=(Revision(KubeVersion(1, 0), _runtime_socket),),
    profiles=Profiles(Default.ENFORCE, Default.ENFORCE, Default.ENFORCE),
    explanation=Explanation(
        what="No hostPath volume is the socket of containerd, CRI-O, Docker, cri-dockerd or "
        "Podman, a folder above it, or a path below it; also where it is read-only, and where "
        "the way there goes by /var/run or /proc/1/root.",
        why="Whoever may talk to the runtime starts a privileged container of its own. A "
        "read-only mount of a socket is as good as a writable one.",
        fix="""\
volumes: []     # no hostPath to /run/containerd, /var/run/docker.sock, /run or /""",
        breaks="Agents that read containers from the runtime, and builders that use the node's "
        "Docker.",
    ),
    supports=(("NIST 800-190", "4.5.5"),),
)
