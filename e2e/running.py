"""Pods that run on a real API server without a node, beside a registry whose images the test signs.

The test says by which digest a tag runs, as a node would.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from e2e.api import STRATEGIC, wait_for
from e2e.cluster.controlplane import ControlPlane
from e2e.live import condition, read
from e2e.pinning import Stage
from e2e.release import Release
from tests.support.manifests import Manifest
from tests.support.registry import EMPTY_CONFIG, OCI_MANIFEST, image
from tests.support.sigstore.authority import new_key
from tests.support.sigstore.world import BUNDLE, Document, How, Sigstore, statement

POLICY: Final = "rounds"
KEY: Final = new_key()
UNLOGGED: Final = How(is_logged=False)
VULN: Final = "https://cosign.sigstore.dev/attestation/vuln/v1"
_FORM: Final = "%Y-%m-%dT%H:%M:%SZ"
DEADLINE: Final = timedelta(hours=48)
LONG_S: Final = 120


@dataclass
class Scene:
    """The chart, running, a registry, and a namespace whose pods are older than the policy."""

    release: Release
    stage: Stage
    sigstore: Sigstore
    namespace: str

    @property
    def plane(self) -> ControlPlane:
        """The control plane."""
        return self.release.plane

    def push(self, name: str, *, is_signed: bool = True) -> str:
        """Push an image; return its digest."""
        digest = self.stage.registry.push(name, image(name), "1")
        if is_signed:
            self.attach(name, digest, statement(digest))
        return digest

    def attach(self, name: str, digest: str, said: Document) -> None:
        """Have the key sign something about an image."""
        raw = json.dumps(self.sigstore.keyed(said, KEY, UNLOGGED)).encode()
        registry = self.stage.registry
        blob = registry.push_blob(name, raw)
        manifest = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": EMPTY_CONFIG,
            "layers": [{"mediaType": BUNDLE, "digest": blob, "size": len(raw)}],
            "subject": {"mediaType": OCI_MANIFEST, "size": 1, "digest": digest},
        }
        registry.push(name, json.dumps(manifest).encode())

    def attach_scan(self, name: str, digest: str, published: datetime) -> None:
        """Have a scan find something critical, that has a fix since then."""
        found = {
            "VulnerabilityID": "CVE-2026-0001",
            "PkgName": "openssl",
            "InstalledVersion": "3.0.0",
            "FixedVersion": "3.0.1",
            "Severity": "CRITICAL",
            "PublishedDate": published.strftime(_FORM),
        }
        result = {"SchemaVersion": 2, "Results": [{"Vulnerabilities": [found]}]}
        finished = datetime.now(UTC).strftime(_FORM)
        scan = {"scanner": {"result": result}, "metadata": {"scanFinishedOn": finished}}
        self.attach(name, digest, statement(digest, VULN, scan))

    def run(self, name: str, reference: str) -> Manifest:
        """Make a pod."""
        pod = self.stage.pod(reference, name)
        made = self.stage.api.create(pod, self.namespace)
        assert made.is_success, made.message
        return pod

    def tell_digest(self, pod: Manifest, digest: str) -> None:
        """Say, as a node would, by which digest the pod's tag runs."""
        told = {"name": "app", "imageID": f"{pod['spec']['containers'][0]['image']}@{digest}"}
        [status] = [told | {"ready": True, "restartCount": 0, "image": "x", "state": {}}]
        change: Manifest = {"status": {"containerStatuses": [status]}}
        answer = self.stage.api.patch(pod, self.namespace, change, "/status", STRATEGIC)
        assert answer.is_success, answer.message

    def told(self) -> tuple[str, str, str]:
        """Return what the policy's condition says of the images that run."""
        return condition(self.plane, POLICY, "ImagesVerified")

    def findings(self) -> dict[str, str]:
        """Return the messages of the status' findings on signatures, by workload."""
        status = read(self.plane, "hardeningpolicy", POLICY).get("status", {})
        return {
            each["workload"]: each["message"]
            for each in status.get("topFindings", ())
            if each["control"] == "image-signature"
        }

    def not_checked(self) -> int:
        """Return how many workloads could not be judged."""
        status = read(self.plane, "hardeningpolicy", POLICY).get("status", {})
        number: int = status.get("counts", {}).get("notChecked", 0)
        return number

    def reported(self) -> dict[str, str]:
        """Return the same of the namespace's report."""
        get = ("get", "reports.openreports.io", f"--namespace={self.namespace}", "--output=json")
        items: list[Any] = json.loads(self.plane.kubectl(*get).stdout)["items"]
        return {
            each["resources"][0]["name"]: each["message"]
            for report in items
            for each in report["results"]
            if each["rule"] == "image-signature"
        }

    def wait_until(self, truth: str, reason: str, text: str) -> None:
        """Wait until the condition says that."""

        def is_so() -> bool:
            told = self.told()
            return told[:2] == (truth, reason) and text in told[2]

        wait_for(is_so, f"ImagesVerified {truth} {reason}: {text}; is {self.told()}", LONG_S)

    def pods(self) -> list[Any]:
        """Return the pods that there are."""
        found: list[Any] = read(self.plane, "pods", f"--namespace={self.namespace}")["items"]
        return found
