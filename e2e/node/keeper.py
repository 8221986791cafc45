"""Keeps the room that a node runs in, and takes all of it away at the end; stdlib only.

Run as a program, with a folder. The room is namespaces of mounts, network and pids: whatever is
mounted, plugged or started in them goes when their first process does, however it goes. Only
cgroups have to be removed by hand. It runs until it is told to end.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

DEVICE = "node0"
KINDS = ("mnt", "net", "pid")
_POLL_S = 0.05
_AGAIN_S = 10.0

# What containerd and a kubelet write to, wherever it is that they are told to keep things.
_ENTER = """\
mount -t tmpfs none /run
for place in /var/lib /var/log; do
  mkdir -p "$1/over$place/upper" "$1/over$place/work"
  over="upperdir=$1/over$place/upper,workdir=$1/over$place/work"
  mount -t overlay none -o "lowerdir=$place,$over" "$place"
done
ip link set lo up
ip link add $3 type bridge
ip address add "$2/24" dev $3
ip link set $3 up
exec sleep infinity
"""


def cgroup_of(folder: Path) -> str:
    """Return the cgroup that all pods of a node are below."""
    return f"/{folder.parent.name}"


def read_cgroups(folder: Path) -> Iterator[Path]:
    """Return that cgroup's folders: one in each hierarchy."""
    for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines():
        _, place, kind, *_ = line.split()
        if kind in {"cgroup", "cgroup2"}:
            yield Path(place + cgroup_of(folder))


def main() -> None:
    """Make the room, say which process is its first, wait, and take it away."""
    folder, address = Path(sys.argv[1]), sys.argv[2]
    # Blocked, to be waited for: nothing is cut short half-way.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGCHLD})
    room = ("unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc")
    enter = ("sh", "-eu", "-c", _ENTER, "sh", str(folder), address, DEVICE)
    try:
        for each in read_cgroups(folder):
            each.mkdir()
        with subprocess.Popen([*room, *enter]) as child:
            first = _wait_for_first(child)
            (folder / "first.pid").write_text(str(first), encoding="utf-8")
            signal.sigwait({signal.SIGTERM, signal.SIGCHLD})
            # The kernel ends all others of the room before `unshare` hears of it.
            with suppress(ProcessLookupError):
                os.kill(first, signal.SIGKILL)
    finally:
        _remove_cgroups(folder)


def _wait_for_first(child: subprocess.Popen[bytes]) -> int:
    """Wait until the room is furnished: its first process then sleeps."""
    children = Path(f"/proc/{child.pid}/task/{child.pid}/children")
    while child.poll() is None:
        for pid in children.read_text(encoding="ascii").split():
            if Path(f"/proc/{pid}/comm").read_text(encoding="ascii").strip() == "sleep":
                return int(pid)
        time.sleep(_POLL_S)
    sys.exit(f"the node's room could not be made: unshare ended with {child.returncode}")


def _remove_cgroups(folder: Path) -> None:
    """Remove them, inmost first; what was killed just now may be in one for a moment."""
    for top in read_cgroups(folder):
        for place, _, _ in os.walk(top, topdown=False):
            end = time.monotonic() + _AGAIN_S
            while Path(place).is_dir():
                try:
                    Path(place).rmdir()
                except OSError:
                    if time.monotonic() > end:
                        raise
                    time.sleep(_POLL_S)


if __name__ == "__main__":
    main()
