"""Images that run are verified again: what was let in before there was a policy, and what grew old.

On a real API server, by the installed chart's two processes and a real registry over TLS.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from e2e.api import wait_for
from e2e.cluster.target import Cluster
from e2e.live import condition, read
from e2e.pinning import PASSWORD, USER, VALUES, Stage, docker_secret
from e2e.release import NAMESPACE, Release
from e2e.reports import REPORTS_CRD
from e2e.running import DEADLINE, KEY, LONG_S, POLICY, Scene
from e2e.site import uids
from tests.support.manifests import Manifest
from tests.support.registry import FakeRegistry, image
from tests.support.sigstore.world import Sigstore, public_pem, statement


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
    scene.attach_scan("scanned-late", late, datetime.now(UTC) - DEADLINE - timedelta(hours=1))
    scene.run("signed", f"signed@{signed}")
    tagged = scene.run("tagged", "unsigned:1")
    scene.run("late", f"scanned-late@{late}")
    uids = _uids(scene)
    scene.plane.apply([_policy(scene.stage)])
    # A tag of which no node says what it is has not passed.
    wait_for(lambda: scene.not_checked() == 1, "the tag is not checked", LONG_S)
    scene.wait_until("False", "NotVerified", "1 of 2 images that run are not signed or attested")
    scene.tell_digest(tagged, unsigned)
    scene.wait_until("False", "NotVerified", "2 of 3 images that run are not signed or attested")
    wait_for(lambda: len(scene.findings()) == 2, f"two findings: {scene.findings()}", LONG_S)
    found = scene.findings()
    assert f'unsigned:1@{unsigned}: no signature by "ci" (key signers)' in found["Pod/tagged"]
    assert "left for too long: CVE-2026-0001 (critical) in openssl 3.0.0" in found["Pod/late"]
    assert condition(scene.plane, POLICY, "Compliant")[:2] == ("False", "Findings")
    # It is told, and nothing is done to what runs.
    assert _uids(scene) == uids
    operator = scene.release.operator
    assert operator.metric("revet_running_images", result="verified") == 1
    assert operator.metric("revet_running_images", result="failed") == 2


def test_what_was_in_time_grows_old(scene: Scene) -> None:
    digest = scene.push("scanned-soon")
    soon = timedelta(seconds=40)
    scene.attach_scan("scanned-soon", digest, datetime.now(UTC) - DEADLINE + soon)
    scene.run("soon", f"scanned-soon@{digest}")
    scene.wait_until("False", "NotVerified", "2 of 4 images")
    assert "Pod/soon" not in scene.findings()
    scene.wait_until("False", "NotVerified", "3 of 4 images")
    wait_for(lambda: "Pod/soon" in scene.findings(), "the finding", LONG_S)
    assert "left for too long: CVE-2026-0001" in scene.findings()["Pod/soon"]
    # A report is written once a minute at most.
    wait_for(lambda: scene.reported().keys() == {"tagged", "late", "soon"}, "the report", LONG_S)
    assert 'no signature by "ci"' in scene.reported()["tagged"]


def test_an_outage_is_told_with_the_last_verdict_and_ends(scene: Scene) -> None:
    host = scene.stage.registry.host
    scene.stage.stop_registry()
    try:
        told = f"{host} can't be asked: "
        scene.wait_until("Unknown", "NotTold", told)
        message = scene.told()[2]
        assert "; when it was last verified, 20" in message
        assert "left for too long: CVE-2026-0001" in message
        wait_for(lambda: not scene.findings(), "neither passed nor failed", LONG_S)
        wait_for(lambda: scene.not_checked() == 3, "unknown is counted", LONG_S)
        assert scene.release.operator.metric("revet_running_images", result="unknown") == 3
    finally:
        scene.stage.start_registry()
    scene.wait_until("False", "NotVerified", "3 of 4 images that run are not signed or attested")
    wait_for(lambda: len(scene.findings()) == 3, "the findings are back", LONG_S)


def test_what_is_signed_at_last_is_found_to_be(scene: Scene) -> None:
    digest = scene.stage.registry.push("unsigned", image("unsigned"))
    scene.attach("unsigned", digest, statement(digest))
    scene.wait_until("False", "NotVerified", "2 of 4 images")
    wait_for(lambda: "Pod/tagged" not in scene.findings(), "no finding", LONG_S)


def test_what_does_not_change_is_not_written(scene: Scene) -> None:
    operator = scene.release.operator

    def requests(*methods: str) -> float:
        return sum(operator.metric("revet_api_requests_total", method=each) for each in methods)

    def rounds() -> float:
        return scene.stage.registry.paths().count(f"/v2/scanned-late/referrers/{late}")

    [late] = [each.partition("@")[2] for each in _images(scene) if "scanned-late" in each]
    writing = ("PATCH", "PUT", "POST", "DELETE")
    before, read_before, asked = requests(*writing), requests("GET"), rounds()
    wait_for(lambda: rounds() >= asked + 2, "two more rounds", LONG_S)
    assert requests(*writing) == before
    # Neither are the replicas listed for each question: what is here may be a watch's, once.
    assert requests("GET") <= read_before + 2


def test_a_restart_tells_nothing_else_meanwhile(scene: Scene) -> None:
    def transitions() -> dict[str, str]:
        status = read(scene.plane, "hardeningpolicy", POLICY)["status"]
        told = {each["type"]: each["lastTransitionTime"] for each in status["conditions"]}
        return {kind: told[kind] for kind in ("ImagesVerified", "Compliant")}

    before, found = transitions(), scene.findings()
    reports = ("reports.openreports.io", f"--namespace={scene.namespace}")
    standing = uids(scene.plane, *reports)
    operator = scene.release.operator
    operator.stop()
    operator.start()

    def failed() -> float:
        return operator.metric("revet_running_images", result="failed")

    wait_for(lambda: failed() == 2, "all have had their turn", LONG_S)
    wait_for(lambda: operator.metric("revet_findings", policy=POLICY) > 0, "a count", LONG_S)
    assert transitions() == before
    assert scene.findings() == found
    assert uids(scene.plane, *reports) == standing


def _uids(scene: Scene) -> set[str]:
    return {each["metadata"]["uid"] for each in scene.pods()}


def _images(scene: Scene) -> set[str]:
    return {each["spec"]["containers"][0]["image"] for each in scene.pods()}
