"""The ingest beside a control plane, with the chart's flags and rights, and who sends to it."""

import hashlib
import http.client
import json
import ssl
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any, Final

import yaml

from e2e.cluster.controlplane import ControlPlane
from e2e.cluster.process import free_port
from e2e.mount import SecretMount
from e2e.program import Program
from e2e.release import NAMESPACE, Release

TOKEN: Final = "a-token-of-the-tests-that-nobody-guesses"  # noqa: S105 -- of the tests
#: Of a sender that is bound to the node `NODE`.
NODE_TOKEN: Final = "another-token-of-the-tests-of-one-node"  # noqa: S105 -- of the tests
NODE: Final = "sensed"
AUDIENCE: Final = "revet-ingest"
_SECRET: Final = "revet-ingest-tls"  # noqa: S105 -- a name
_SENDERS: Final = "revet-ingest-senders"
_PLACES: Final = frozenset(
    ("--listen", "--health", "--tls-cert", "--tls-key", "--senders", "--handover-token")
)
_numbers: Final = count()


class Ingest(Program):
    """`revet-ingest` as a process; start the operator first, which makes its certificate."""

    def __init__(self, plane: ControlPlane) -> None:
        super().__init__(plane, "revet-ingest")
        self.port = free_port()
        self.mount = SecretMount(plane, NAMESPACE, _SECRET)
        self.senders = plane.folder / "senders.yaml"

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def values(self) -> tuple[str, ...]:
        """What the chart is to be told."""
        return ("ingest.enabled=true", f"ingest.url={self.url}")

    def prepare(self, release: Release) -> None:
        """Take the flags that the chart gives it, sign in, and write who may send."""
        place = ("deployment/revet-ingest", f"--namespace={NAMESPACE}")
        found = json.loads(self.plane.kubectl("get", *place, "--output=json").stdout)
        [container] = found["spec"]["template"]["spec"]["containers"]
        folder = self.mount.folder
        self.flags = [
            f"--listen=127.0.0.1:{self.port}",
            f"--kubeconfig={release.sign_in('revet-ingest')}",
            f"--tls-cert={folder}/tls.crt",
            f"--tls-key={folder}/tls.key",
            f"--handover-token={folder}/handover-token",
            f"--senders={self.senders}",
            *(flag for flag in container["args"] if flag.partition("=")[0] not in _PLACES),
        ]
        senders = [
            {"name": "tests", "tokenSha256": _hash(TOKEN)},
            {"name": "node", "tokenSha256": _hash(NODE_TOKEN), "node": NODE},
            {"name": "shipper", "serviceAccount": f"{NAMESPACE}/default"},
        ]
        self.senders.write_text(yaml.safe_dump({"senders": senders}))

    def start(self) -> None:
        """Wait for the certificate, start it, and return when it is ready."""
        self.mount.start()
        self.mount.wait()
        super().start()

    def stop(self) -> None:
        """Stop it, and follow its Secret no longer."""
        super().stop()
        self.mount.stop()

    @property
    def authority(self) -> Path:
        """What senders trust."""
        return self.mount.folder / "ca.crt"

    def rss_mib(self) -> float:
        """Read how much memory it has now."""
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="utf-8")
        [line] = [each for each in status.splitlines() if each.startswith("VmRSS:")]
        return int(line.split()[1]) / 1024


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


class Sensor:
    """Who sends to the ingest, over one connection."""

    def __init__(self, ingest: Ingest, token: str = TOKEN) -> None:
        self._token = token
        tls = ssl.create_default_context(cafile=str(ingest.authority))
        self._connection = http.client.HTTPSConnection(
            "127.0.0.1", ingest.port, timeout=20, context=tls
        )

    def send(self, source: str, body: object) -> tuple[int, str]:
        """Send a body as JSON; after a broken connection the next one makes a new one."""
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._token}"}
        try:
            self._connection.request(
                "POST", f"/v1/ingest/{source}", json.dumps(body).encode(), headers
            )
            response = self._connection.getresponse()
            return response.status, response.read().decode()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            raise

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def alert(pod: Mapping[str, Any], rule: str = "Terminal shell", **fields: object) -> dict[str, Any]:
    """Write an alert of Falco's that happens now, each another one."""
    now = datetime.fromtimestamp(time.time(), UTC)
    return {
        "rule": rule,
        "priority": "Warning",
        "source": "syscall",
        "time": now.isoformat(),
        "tags": ["maturity_stable"],
        "output_fields": {
            "k8s.ns.name": pod["metadata"]["namespace"],
            "k8s.pod.name": pod["metadata"]["name"],
            "proc.exepath": "/bin/bash",
            "proc.cmdline": "bash -i",
            "evt.num": next(_numbers),
        },
        **fields,
    }


def snapshot() -> dict[str, Any]:
    """Write a sign of life of Falco's."""
    return {
        "rule": "Falco internal: metrics snapshot",
        "priority": "Informational",
        "source": "internal",
        "time": datetime.fromtimestamp(time.time(), UTC).isoformat(),
    }


def audit_flags(ingest: Ingest) -> Sequence[str]:
    """Write the kubeconfig of an audit webhook, and return the API server's flags for it."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": "revet",
                "cluster": {
                    "server": f"{ingest.url}/v1/ingest/k8s-audit",
                    "certificate-authority": str(ingest.authority),
                },
            }
        ],
        "users": [{"name": "apiserver", "user": {"token": TOKEN}}],
        "contexts": [{"name": "revet", "context": {"cluster": "revet", "user": "apiserver"}}],
        "current-context": "revet",
    }
    path = ingest.plane.folder / "audit-webhook.kubeconfig"
    path.write_text(yaml.safe_dump(config))
    return (
        f"--audit-webhook-config-file={path}",
        "--audit-webhook-batch-max-wait=1s",
        "--audit-webhook-initial-backoff=1s",
    )


@contextmanager
def listening(plane: ControlPlane, *values: str) -> Iterator[tuple[Release, Ingest]]:
    """Install the chart with its ingest, and further values, and run operator and ingest."""
    ingest = Ingest(plane)
    with Release(plane, (*ingest.values, *values)) as release:
        ingest.prepare(release)
        try:
            release.start_operator()
            ingest.start()
            yield release, ingest
        finally:
            ingest.stop()
