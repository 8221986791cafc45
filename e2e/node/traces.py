"""What is left of a node on this machine: nothing, once it has been stopped.

Devices, addresses, rules and settings of the network, and what is mounted, are in namespaces of its
own: they are gone when these are, so it is these that are looked for.
"""

from collections.abc import Collection, Iterator
from pathlib import Path

from e2e.node import keeper
from e2e.node.settings import BRIDGE


def find_traces(folder: Path, namespaces: Collection[str]) -> list[str]:
    """Name what there is of a node, by its folder and by the names of its namespaces."""
    return [
        *_processes(folder, namespaces),
        *(f"cgroup {each}" for each in keeper.read_cgroups(folder) if each.exists()),
        *_mounts(folder, namespaces),
        *(f"device {name}" for name in (keeper.DEVICE, BRIDGE) if _is_device(name)),
    ]


def _processes(folder: Path, namespaces: Collection[str]) -> Iterator[str]:
    for each in Path("/proc").glob("[0-9]*"):
        try:
            command = (each / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            found = {str((each / "ns" / kind).readlink()) for kind in keeper.KINDS}
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue  # it has ended meanwhile, or has more rights than we have, and so than ours
        if str(folder) in command or found.intersection(namespaces):
            yield f"process {each.name}: {command}"


def _mounts(folder: Path, namespaces: Collection[str]) -> Iterator[str]:
    """Look also for namespaces that are kept by a mount alone."""
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        if str(folder) in line or any(each in line for each in namespaces):
            yield f"mount {line}"


def _is_device(name: str) -> bool:
    return Path("/sys/class/net", name).exists()
