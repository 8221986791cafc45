"""One of our processes beside a control plane: started, asked how it is, stopped, killed, hung."""

import http.client
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from e2e.cluster.controlplane import ControlPlane
from e2e.cluster.process import Process, free_port


class Program:
    """A program of this project, by its name on the command line.

    `flags` may be changed until it is started; a second one of a program needs a `title`, for its
    log.
    """

    def __init__(
        self, plane: ControlPlane, name: str, flags: Sequence[str] = (), title: str = ""
    ) -> None:
        self.plane = plane
        self.health = free_port()
        self.flags = list(flags)
        self._name = name
        self._first_line = 0
        self._process = Process(title or name, plane.folder)

    @property
    def pid(self) -> int:
        """The pid of the running process."""
        if self._process.pid is None:
            raise RuntimeError(f"{self._process.name} is not running")
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it was started and not stopped, nor found dead before it was ready."""
        return self._process.pid is not None

    def start(self) -> None:
        """Start it, and return when it is ready."""
        self._first_line = len(self.logged())
        program = str(Path(sys.executable).parent / self._name)
        self._process.start([program, f"--health=127.0.0.1:{self.health}", *self.flags])
        self._process.wait_until(lambda: self.get("/readyz")[0] == http.HTTPStatus.OK, "ready")

    def stop(self) -> None:
        """Ask it to end, and wait."""
        self._process.stop()

    def kill(self) -> None:
        """End it without a word."""
        os.kill(self.pid, signal.SIGKILL)
        self._process.stop()

    def suspend(self) -> None:
        """Hang it: connections are taken by the kernel, and nobody answers."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)

    def get(self, path: str) -> tuple[int, str]:
        """Ask the health server; status 0 where nobody answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.health, timeout=5)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()
        except (OSError, http.client.HTTPException):
            return 0, ""
        finally:
            connection.close()

    def metric(self, name: str, **labels: str) -> float:
        """Add up a metric's samples that have these labels."""
        total = 0.0
        for line in self.get("/metrics")[1].splitlines():
            sample, _, value = line.rpartition(" ")
            if sample.partition("{")[0] == name and all(
                f'{key}="{text}"' in sample for key, text in labels.items()
            ):
                total += float(value)
        return total

    def events(self) -> list[str]:
        """Read of what kind the lines are that it has logged, but for decisions, in order."""
        return [line["event"] for line in self.logged() if line["event"] != "decision"]

    def logged_since_start(self) -> list[dict[str, Any]]:
        """Read what it has logged since it was started the last time."""
        return self.logged()[self._first_line :]

    def logged(self) -> list[dict[str, Any]]:
        """Read all lines that it has logged."""
        if not self._process.log.exists():
            return []
        lines = self._process.log.read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]
