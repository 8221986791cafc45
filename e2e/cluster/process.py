"""One program of the control plane: its log, its pid file, and how it is waited for and stopped."""

import os
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

_POLL_S = 0.05
_TAIL_LINES = 15


class ClusterError(Exception):
    """The cluster does not start, does not answer, or refuses a command."""


class ProcessError(ClusterError):
    """A program ended, or did not become ready; the message names its log."""


class PortTakenError(ProcessError):
    """Another process took the port between its choice and its use."""


class Process:
    """A child process that logs to `FOLDER/logs/NAME.log`."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.log = folder / "logs" / f"{name}.log"
        self._folder = folder
        self._pid_file = folder / "pids" / f"{name}.pid"
        self._log_start = 0
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Its pid while it runs."""
        return self._child.pid if self._child else None

    def start(self, argv: Sequence[str]) -> None:
        """Start it, in a session of its own: Ctrl-C is for us, we then stop it in order."""
        if self._child is not None:
            raise ClusterError(f"{self.name} is running already, with pid {self._child.pid}")
        with self.log.open("ab") as log:
            self._log_start = log.tell()
            self._child = subprocess.Popen(
                argv,
                cwd=self._folder,
                env={"HOME": str(self._folder), "PATH": os.defpath},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._pid_file.write_text(str(self._child.pid))

    def wait_until(self, is_true: Callable[[], bool], what: str, timeout_s: float = 60) -> None:
        """Wait for a condition; it is an error if the process ends or the time runs out first."""
        deadline = time.monotonic() + timeout_s
        while not is_true():
            self._check_alive()
            if time.monotonic() > deadline:
                raise ProcessError(
                    f"{self.name}: not {what} after {timeout_s:.0f} s\n{self._tail()}"
                )

    def stop(self, grace_s: float = 10) -> None:
        """Ask it to end, wait, and kill it if it doesn't."""
        if self._child is None:
            return
        self._child.terminate()
        try:
            self._child.wait(grace_s)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._child = None
        self._pid_file.unlink(missing_ok=True)

    def _check_alive(self) -> None:
        if self._child is None:
            raise ClusterError(f"{self.name} is not running")
        try:
            code = self._child.wait(_POLL_S)
        except subprocess.TimeoutExpired:
            return
        self.stop()  # so that it can be started again
        text = self._read_log()
        kind = PortTakenError if "address already in use" in text else ProcessError
        raise kind(f"{self.name} ended with exit code {code}\n{self._tail()}")

    def _read_log(self) -> str:
        """Read what it has logged since its last start."""
        with self.log.open("rb") as log:
            log.seek(self._log_start)
            return log.read().decode(errors="replace")

    def _tail(self) -> str:
        lines = self._read_log().splitlines()[-_TAIL_LINES:]
        return f"its log {self.log} ends with:\n" + "\n".join(f"  {line}" for line in lines)


def free_port() -> int:
    """Find a port of loopback that nobody listens on now; it may be taken before it is used."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
