"""Stops a cluster's processes by their recorded pids; run as a program, when its starter has died.

A pipe, not PR_SET_PDEATHSIG: that one fires when the *thread* that started a process ends, so a
test that restarts the API server from a worker thread would lose it. The pipe's end is seen however
the starter dies, SIGKILL too, and the folder goes with it. Stdlib only: it runs with `python -I`.
"""

import os
import select
import shutil
import signal
import sys
from pathlib import Path

LEAVE = b"leave"  # what its starter says when it has stopped everything, or means to leave it up
_GRACE_S = 10


def stop_recorded(folder: Path) -> None:
    """Stop what is recorded in the folder: controllers, then the API server, then etcd."""
    for pid_file in sorted((folder / "pids").glob("*.pid"), reverse=True):
        _stop(int(pid_file.read_text()), folder)
        pid_file.unlink(missing_ok=True)


def _stop(pid: int, folder: Path) -> None:
    """Stop one process, if the pid still is ours: the kernel gives pids out again."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        # Read after the descriptor is open: from then on the pid can't become another process.
        if str(folder).encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
            signal.pidfd_send_signal(descriptor, signal.SIGTERM)
            if not select.select([descriptor], [], [], _GRACE_S)[0]:
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)
                select.select([descriptor], [], [], _GRACE_S)
    except (FileNotFoundError, ProcessLookupError):
        pass  # it ended by itself meanwhile
    finally:
        os.close(descriptor)


def _main() -> None:
    folder = Path(sys.argv[1])
    if sys.stdin.buffer.read() != LEAVE:
        stop_recorded(folder)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    _main()
