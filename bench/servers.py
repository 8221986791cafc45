"""Starts the servers that are measured, all in one folder, which a watchdog clears if we die."""

import http.client
import ssl
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.usage import Usage, read_usage
from e2e.cluster.controlplane import ControlPlane
from e2e.cluster.process import Process, free_port
from e2e.cluster.toolchain import build_go

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

    def cpu_s(self) -> float:
        """Read the CPU time that it has used since its start."""
        return self.usage().cpu_s

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
    with run_server(site, f"go-{mode}", argv, lambda: _speaks_tls(site, port)) as process:
        yield Server(process, port)


@contextmanager
def start_revet(site: Site) -> Iterator[Server]:
    """Start our webhook on the control plane's policies; it is given when it is ready."""
    port, health = free_port(), free_port()
    argv = [str(Path(sys.executable).parent / "revet-webhook")]
    argv += [f"--listen=127.0.0.1:{port}", f"--health=127.0.0.1:{health}"]
    argv += [f"--tls-cert={site.certificate}", f"--tls-key={site.key}"]
    argv += [f"--kubeconfig={site.plane.kubeconfig}", "--drain=0"]
    with run_server(site, "revet-webhook", argv, lambda: _is_ready(health)) as process:
        yield Server(process, port)


@contextmanager
def run_server(
    site: Site, name: str, argv: Sequence[str], is_ready: Callable[[], bool]
) -> Iterator[Process]:
    """Run a server from when it is ready to the end of the block."""
    process = Process(name, site.plane.folder)
    try:
        process.start(argv)
        process.wait_until(is_ready, "ready")
        yield process
    finally:
        process.stop()


def _speaks_tls(site: Site, port: int) -> bool:
    context = ssl.create_default_context(cafile=str(site.authority))
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=5, context=context)
    try:
        connection.connect()
    except OSError:
        return False
    finally:
        connection.close()
    return True


def _is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
