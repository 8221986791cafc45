"""Images that run are verified again: what was let in before there was a policy, and what grew old.

On a real API server, by the installed chart's two processes and a real registry over TLS. There is
no node, so the test says by which digest a tag runs.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from e2e.api import STRATEGIC, wait_for
from e2e.cluster.controlplane import ControlPlane
from e2e.cluster.target import Cluster
from e2e.live import condition, read
from e2e.pinning import PASSWORD, USER, VALUES, Stage, docker_secret
from e2e.release import NAMESPACE, Release
from e2e.reports import REPORTS_CRD
from tests.support.manifests import Manifest
from tests.support.registry import EMPTY_CONFIG, OCI_MANIFEST, FakeRegistry, image
from tests.support.sigstore.authority import new_key
from tests.support.sigstore.world import BUNDLE, Document, How, Sigstore, public_pem, statement

POLICY: Final = "rounds"
KEY: Final = new_key()
UNLOGGED: Final = How(is_logged=False)
VULN: Final = "https://cosign.sigstore.dev/attestation/vuln/v1"
_FORM: Final = "%Y-%m-%dT%H:%M:%SZ"
_DEADLINE: Final = timedelta(hours=48)
_LONG_S: Final = 120


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

        wait_for(is_so, f"ImagesVerified {truth} {reason}: {text}; is {self.told()}", _LONG_S)


@pytest.fixture(scope="module")
def scene(cluster: Cluster) -> Iterator[Scene]:
    """Give both processes, running, beside a registry, and a namespace without a policy."""
    if cluster.control_plane is None:
        pytest.skip("the API server must reach our loopback: REVET_E2E_CLUSTER=local")
    plane = cluster.control_plane
    values = (*VALUES, "operator.imageInterval=1")
    with Release(plane, values) as release:
        registry = FakeRegistry(users={USER: PASSWORD}, bearer=True)
        stage = Stage(plane, [release.webhook, release.webhook], registry)
        plane.apply(REPORTS_CRD.read_text())
        try:
            stage.start_registry()
            stage.tell_ca(stage.authority.ca_pem.decode())
            plane.apply([docker_secret("pull", NAMESPACE, registry.host, PASSWORD), _signers()])
            sigstore = Sigstore(datetime.now(UTC).replace(microsecond=0))
            namespace = plane.create_namespace({"images": POLICY})
            release.start()
            yield Scene(release, stage, sigstore, namespace)
            plane.delete_namespace(namespace)
        finally:
            stage.close()
            release.operator.stop()
            plane.kubectl("delete", "crd", "reports.openreports.io")


def _signers() -> Manifest:
    metadata = {"name": "signers", "namespace": NAMESPACE}
    data = {"cosign.pub": public_pem(KEY)}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def _policy(stage: Stage) -> Manifest:
    rule: Manifest = {
        "name": "ci",
        "images": [f"{stage.registry.host}/*"],
        "anyOf": [{"key": {"configMapRef": {"name": "signers", "key": "cosign.pub"}}}],
        "transparencyLog": "Ignored",
    }
    scanned = rule | {
        "name": "scanned",
        "images": [f"{stage.registry.host}/scanned*"],
        "attestations": [{"type": "vuln", "maxAge": "24h", "deadlines": {"critical": "48h"}}],
    }
    made = stage.policy(POLICY, verify=[rule, scanned])
    controls = [each for each in made["spec"]["controls"] if each["id"] != "image-signature"]
    made["spec"]["controls"] = controls
    return made


def test_what_was_there_before_the_policy_is_found(scene: Scene) -> None:
    signed, unsigned = scene.push("signed"), scene.push("unsigned", is_signed=False)
    late = scene.push("scanned-late")
    scene.attach_scan("scanned-late", late, datetime.now(UTC) - _DEADLINE - timedelta(hours=1))
    scene.run("signed", f"signed@{signed}")
    tagged = scene.run("tagged", "unsigned:1")
    scene.run("late", f"scanned-late@{late}")
    uids = _uids(scene)
    scene.plane.apply([_policy(scene.stage)])
    # A tag of which no node says what it is has not passed.
    wait_for(lambda: scene.not_checked() == 1, "the tag is not checked", _LONG_S)
    scene.wait_until("False", "NotVerified", "1 of 2 images that run are not signed or attested")
    scene.tell_digest(tagged, unsigned)
    scene.wait_until("False", "NotVerified", "2 of 3 images that run are not signed or attested")
    wait_for(lambda: len(scene.findings()) == 2, f"two findings: {scene.findings()}", _LONG_S)
    found = scene.findings()
    assert f'unsigned:1@{unsigned}: no signature by "ci" (key signers)' in found["Pod/tagged"]
    assert "left for too long: CVE-2026-0001 (critical) in openssl 3.0.0" in found["Pod/late"]
    wait_for(lambda: scene.reported().keys() == {"tagged", "late"}, "the report", _LONG_S)
    assert 'no signature by "ci"' in scene.reported()["tagged"]
    assert condition(scene.plane, POLICY, "Compliant")[:2] == ("False", "Findings")
    # It is told, and nothing is done to what runs.
    assert _uids(scene) == uids
    operator = scene.release.operator
    assert operator.metric("revet_running_images", result="verified") == 1
    assert operator.metric("revet_running_images", result="failed") == 2


def test_what_was_in_time_grows_old(scene: Scene) -> None:
    digest = scene.push("scanned-soon")
    soon = timedelta(seconds=45)
    scene.attach_scan("scanned-soon", digest, datetime.now(UTC) - _DEADLINE + soon)
    scene.run("soon", f"scanned-soon@{digest}")
    scene.wait_until("False", "NotVerified", "2 of 4 images")
    assert "Pod/soon" not in scene.findings()
    scene.wait_until("False", "NotVerified", "3 of 4 images")
    wait_for(lambda: "Pod/soon" in scene.findings(), "the finding", _LONG_S)
    assert "left for too long: CVE-2026-0001" in scene.findings()["Pod/soon"]


def test_an_outage_is_told_with_the_last_verdict_and_ends(scene: Scene) -> None:
    host = scene.stage.registry.host
    scene.stage.stop_registry()
    try:
        told = f"{host} can't be asked: "
        scene.wait_until("Unknown", "NotTold", told)
        message = scene.told()[2]
        assert "; when it was last verified, 20" in message
        assert "left for too long: CVE-2026-0001" in message
        wait_for(lambda: not scene.findings(), "neither passed nor failed", _LONG_S)
        wait_for(lambda: scene.not_checked() == 3, "unknown is counted", _LONG_S)
        assert scene.release.operator.metric("revet_running_images", result="unknown") == 3
    finally:
        scene.stage.start_registry()
    scene.wait_until("False", "NotVerified", "3 of 4 images that run are not signed or attested")
    wait_for(lambda: len(scene.findings()) == 3, "the findings are back", _LONG_S)


def test_what_is_signed_at_last_is_found_to_be(scene: Scene) -> None:
    digest = scene.stage.registry.push("unsigned", image("unsigned"))
    scene.attach("unsigned", digest, statement(digest))
    scene.wait_until("False", "NotVerified", "2 of 4 images")
    wait_for(lambda: "Pod/tagged" not in scene.findings(), "no finding", _LONG_S)


def test_what_does_not_change_is_not_written(scene: Scene) -> None:
    operator = scene.release.operator

    def writes() -> float:
        return operator.metric("revet_status_writes_total")

    def rounds() -> float:
        return scene.stage.registry.paths().count(f"/v2/scanned-late/referrers/{late}")

    [late] = [each.partition("@")[2] for each in _images(scene) if "scanned-late" in each]
    before, asked = writes(), rounds()
    wait_for(lambda: rounds() >= asked + 2, "two more rounds", _LONG_S)
    assert writes() == before


def _uids(scene: Scene) -> set[str]:
    return {each["metadata"]["uid"] for each in _pods(scene)}


def _images(scene: Scene) -> set[str]:
    return {each["spec"]["containers"][0]["image"] for each in _pods(scene)}


def _pods(scene: Scene) -> list[Any]:
    pods: list[Any] = read(scene.plane, "pods", f"--namespace={scene.namespace}")["items"]
    return pods
