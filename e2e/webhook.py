"""Our webhook beside a control plane, and what the operator would do: certificates and entries."""

import http.client
import json
import os
import signal
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from e2e.cluster.controlplane import ControlPlane
from e2e.cluster.process import Process, free_port
from revet.core.compiled_policy import CompiledPolicy
from revet.core.model.policy import parse_policy
from revet.core.render.webhook import NAME, Backend, webhook_configurations

OWN_NAMESPACE: Final = "revet-system"
_KINDS: Final = ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration")
Manifest = Mapping[str, Any]


class Webhook:
    """`revet-webhook` as a process; a context manager that stops it and takes its entries away."""

    def __init__(self, plane: ControlPlane, flags: Sequence[str] = ()) -> None:
        self.plane = plane
        self.port, self.health = free_port(), free_port()
        self._flags = list(flags)
        self._process = Process("revet-webhook", plane.folder)
        self.certificate = plane.pki / "webhook.crt"
        self.key = plane.pki / "webhook.key"

    def __enter__(self) -> Self:
        self.write_certificate()
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.remove_entries()
        self.plane.kubectl("delete", "hardeningpolicies", "--all", "--wait=false")
        self.stop()

    @property
    def pid(self) -> int:
        """The pid of the running process."""
        if self._process.pid is None:
            raise RuntimeError("revet-webhook is not running")
        return self._process.pid

    def write_certificate(self) -> None:
        """Make a serving certificate, signed by the control plane's authority."""
        credential = self.plane.authority.issue_server("webhook", ["127.0.0.1"])
        for path, data in ((self.key, credential.key), (self.certificate, credential.certificate)):
            path.write_bytes(data)

    def start(self) -> None:
        """Start it, and return when it is ready."""
        argv = [str(Path(sys.executable).parent / "revet-webhook")]
        argv += [f"--listen=127.0.0.1:{self.port}", f"--health=127.0.0.1:{self.health}"]
        argv += [f"--tls-cert={self.certificate}", f"--tls-key={self.key}"]
        argv += [f"--kubeconfig={self.plane.kubeconfig}", "--drain=0", *self._flags]
        self._process.start(argv)
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

    def decisions(self) -> list[dict[str, Any]]:
        """Read the decisions that it has logged."""
        return [line for line in self._logged() if line["event"] == "decision"]

    def events(self) -> list[str]:
        """Read of what kind the other lines are that it has logged, in order."""
        return [line["event"] for line in self._logged() if line["event"] != "decision"]

    def _logged(self) -> list[dict[str, Any]]:
        lines = self._process.log.read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def apply_policies(self, policies: Iterable[Manifest]) -> None:
        """Apply these policies, wait until they are judged by, and apply the entries they need.

        Entries that none of them needs go.
        """
        policies = list(policies)
        if policies:
            self.plane.apply(policies)
        for each in policies:
            self.wait_for(each["metadata"]["name"])
        self.apply_entries(policies)

    def wait_for(self, name: str) -> None:
        """Wait until the policy's newest generation is what the webhook judges by."""
        path = ("get", "hardeningpolicy", name, "--output=jsonpath={.metadata.generation}")
        generation = float(self.plane.kubectl(*path).stdout)
        self._process.wait_until(
            lambda: self.metric("revet_policy_generation", policy=name) == generation,
            f"at generation {generation:.0f} of policy {name}",
        )

    def apply_entries(self, policies: Iterable[Manifest]) -> None:
        """Apply the entries that these policies need, as core renders them."""
        compiled = [CompiledPolicy.of(parse_policy(json.dumps(each))) for each in policies]
        backend = Backend(self.plane.ca_pem, f"https://127.0.0.1:{self.port}")
        manifests = webhook_configurations(compiled, backend, [OWN_NAMESPACE])
        if manifests:
            self.plane.apply(manifests)
        wanted = {manifest["kind"] for manifest in manifests}
        self.remove_entries([kind for kind in _KINDS if kind not in wanted])

    def remove_entries(self, kinds: Sequence[str] = _KINDS) -> None:
        """Remove the webhook configurations of these kinds."""
        for kind in kinds:
            self.plane.kubectl("delete", kind, NAME, "--ignore-not-found")


def policy(name: str, labels: Mapping[str, str], **spec: object) -> dict[str, Any]:
    """Write a HardeningPolicy, restricted, for namespaces with these labels."""
    return {
        "apiVersion": "revet.dev/v1alpha1",
        "kind": "HardeningPolicy",
        "metadata": {"name": name},
        "spec": {
            "namespaceSelector": {"matchLabels": dict(labels)},
            "profile": "restricted",
            **spec,
        },
    }
