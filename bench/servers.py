"""Starts the servers that are measured, all in one folder, which a watchdog clears if we die."""

import http.client
import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from e2e.cluster.controlplane import ControlPlane
from e2e.cluster.process import Process
from e2e.cluster.toolchain import build_go

from bench.usage import Usage, read_usage

REFERENCE = Path(__file__).parent / "reference"


@dataclass(frozen=True)
class Site:
    """Where the servers run: beside a control plane, with certificates of its authority."""

    plane: ControlPlane

    @property
    def authority(self) -> Path:
        """The certificate that the servers' own are signed with."""
        return self.plane.pki / "ca.crt"

    @property
    def certificate(self) -> Path:
        """The certificate that all webhooks serve with."""
        return self.plane.pki / "webhook.crt"

    @property
    def key(self) -> Path:
        """Its key."""
        return self.plane.pki / "webhook.key"

    def write_certificate(self) -> None:
        """Make the certificate and its key."""
        credential = self.plane.authority.issue_server("webhook", ["127.0.0.1", "localhost"])
        self.certificate.write_bytes(credential.certificate)
        self.key.write_bytes(credential.key)


class Server:
    """A running webhook."""

    def __init__(self, process: Process, port: int) -> None:
        self._process = process
        self.url = f"https://127.0.0.1:{port}"

    def usage(self) -> Usage:
        """Read what it has used since its start."""
        pid = self._process.pid
        if pid is None:
            raise RuntimeError(f"{self._process.name} is not running")
        return read_usage(pid)


@contextmanager
def start_reference(site: Site, mode: str) -> Iterator[Server]:
    """Start a Go webhook: noop reads the uid and allows, psa judges as upstream does."""
    program = build_go(REFERENCE, ["."], ["reference"])[0]
    port = free_port()
    argv = [str(program), f"--mode={mode}", f"--addr=127.0.0.1:{port}"]
    argv += [f"--cert={site.certificate}", f"--key={site.key}"]
    with run_server(site, f"go-{mode}", argv, port) as server:
        yield server


@contextmanager
def run_server(site: Site, name: str, argv: Sequence[str], port: int) -> Iterator[Server]:
    """Run a server until the end of the block; it is given when it speaks TLS."""
    process = Process(name, site.plane.folder)
    try:
        process.start(argv)
        process.wait_until(lambda: _answers(site, port), f"listening on port {port}")
        yield Server(process, port)
    finally:
        process.stop()


def free_port() -> int:
    """Find a port of loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _answers(site: Site, port: int) -> bool:
    context = ssl.create_default_context(cafile=str(site.authority))
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=5, context=context)
    try:
        connection.connect()
    except OSError:
        return False
    finally:
        connection.close()
    return True
