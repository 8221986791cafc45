"""Our webhook beside a control plane, and what the operator would do: certificates and entries."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from e2e.cluster.controlplane import ControlPlane
from e2e.cluster.process import free_port
from e2e.program import Program
from revet.core.compiled_policy import CompiledPolicy
from revet.core.model.policy import parse_policy
from revet.core.render.webhook import NAME, Backend, webhook_configurations

OWN_NAMESPACE: Final = "revet-system"
_KINDS: Final = ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration")
Manifest = Mapping[str, Any]


@dataclass(frozen=True)
class Files:
    """What the webhook reads: by whom it is to the API server, and what it serves with."""

    kubeconfig: Path
    certificate: Path
    key: Path


class Webhook(Program):
    """`revet-webhook` as a process; a context manager that stops it and takes its entries away.

    Without `files` it is the admin, with a certificate signed by the control plane's authority. A
    second one needs a `title`.
    """

    def __init__(
        self,
        plane: ControlPlane,
        flags: Sequence[str] = (),
        files: Files | None = None,
        title: str = "",
    ) -> None:
        super().__init__(plane, "revet-webhook", title=title)
        self.port = free_port()
        pki = plane.pki
        files = files or Files(plane.kubeconfig, pki / "webhook.crt", pki / "webhook.key")
        self.certificate, self.key = files.certificate, files.key
        self.flags = [
            f"--listen=127.0.0.1:{self.port}",
            f"--tls-cert={self.certificate}",
            f"--tls-key={self.key}",
            f"--kubeconfig={files.kubeconfig}",
            "--drain=0",
            *flags,
        ]

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

    def write_certificate(self) -> None:
        """Make a serving certificate, signed by the control plane's authority."""
        credential = self.plane.authority.issue_server("webhook", ["127.0.0.1"])
        self.key.write_bytes(credential.key)
        self.certificate.write_bytes(credential.certificate)

    def decisions(self) -> list[dict[str, Any]]:
        """Read the decisions that it has logged."""
        return [line for line in self.logged() if line["event"] == "decision"]

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
