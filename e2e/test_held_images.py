"""Images that are held, on a real API server: who leads to it, whom it refuses, who may end it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from e2e.api import STRATEGIC, Answer, Api, wait_for
from e2e.cluster.controlplane import ControlPlane
from e2e.cluster.target import Cluster
from e2e.ingest import NODE, NODE_TOKEN, TOKEN, Ingest, Sensor, alert, listening, snapshot
from e2e.live import condition, read, wait_for_conditions
from e2e.release import Release
from e2e.webhook import policy
from revet.core.model.catalog import CONTROLS
from revet.core.model.policy_status import MOST_HELD
from tests.support.manifests import container, pod, workload

NAME: Final = "holding"
WARNING: Final = "warning-of"
LABELS: Final = {"holding": "yes"}
REVET: Final = Path(sys.executable).parent / "revet"
BAD: Final = f"sha256:{'bad' * 21}b"
FINE: Final = f"sha256:{'f' * 64}"
FORBIDDEN: Final = 403
_SOON_S: Final = 60
_OF_KIM: Final = ("kim-looks", "kim-releases")
#: Nothing but what is held is judged.
_OTHERS: Final = [
    {"id": each, "mode": "Disabled"}
    for each in CONTROLS
    if each not in {"image-held", "image-digest", "image-signature"}
]


@dataclass(frozen=True)
class Scene:
    """A policy that denies what is held, one that warns of it, and who sends."""

    plane: ControlPlane
    release: Release
    ingest: Ingest
    api: Api
    namespace: str
    warned: str

    def run(self, name: str, image: str, namespace: str = "") -> dict[str, Any]:
        """Have a pod on the node, as a kubelet reports it; return it."""
        namespace = namespace or self.namespace
        made = self.api.create(pod(name, container(image=image), nodeName=NODE), namespace)
        assert made.is_success, made.message
        digest = image.partition("@")[2]
        status = {
            "name": "app",
            "image": image,
            "imageID": f"registry.example/app@{digest}",
            "containerID": f"containerd://{name.encode().hex():0<64}",
            "ready": True,
            "restartCount": 0,
        }
        change = {"status": {"phase": "Running", "containerStatuses": [status]}}
        told = self.api.patch(made.body, namespace, change, "/status", STRATEGIC)
        assert told.is_success, told.message
        found: dict[str, Any] = told.body
        return found

    def send(self, token: str, about: dict[str, Any], rule: str) -> None:
        """Send a critical alert about the container of a pod."""
        sensor = Sensor(self.ingest, token)
        body = alert(about, rule, hostname=NODE, priority="Critical")
        body["output_fields"]["container.name"] = "app"
        assert sensor.send("falco", body)[0] == 202
        sensor.close()

    def ask(self, image: str, namespace: str = "", kind: str = "Pod") -> Answer:
        """Ask for a pod, or for a workload with it, without making it."""
        asked = pod("new", container(image=image))
        if kind != "Pod":
            asked = workload(kind, "new", container(image=image))
        return self.api.create(asked, namespace or self.namespace, dry_run=True)

    def held(self, name: str = NAME) -> dict[str, dict[str, Any]]:
        """Return what is on a policy's list, by digest."""
        status = read(self.plane, "hardeningpolicy", name).get("status", {})
        return {each["digest"]: each for each in status.get("heldImages", ())}

    def events(self, reason: str, kind: str, namespace: str) -> list[str]:
        """Return what Events of a reason say of objects of a kind."""
        return [
            each["message"]
            for each in self.api.items("Event", namespace)
            if (each["reason"], each["involvedObject"]["kind"]) == (reason, kind)
        ]


@pytest.fixture(scope="module")
def scene(cluster: Cluster) -> Iterator[Scene]:
    """Run operator, webhook and ingest."""
    plane = cluster.control_plane
    if plane is None:
        pytest.skip("our processes run beside the cluster: REVET_E2E_CLUSTER=local")
    with listening(plane) as (release, ingest):
        release.start_webhook()
        # Pods that are bound to no node that there is are taken away.
        plane.apply({"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE}})
        namespace = plane.create_namespace(LABELS)
        warned = plane.create_namespace({"warned": "yes"})
        plane.apply(_policy(NAME, LABELS, "Deny"))
        plane.apply(_policy(WARNING, {"warned": "yes"}, "Warn"))
        wait_for(lambda: ingest.metric("revet_ingest_policies") == 2, "asked for", _SOON_S)
        wait_for_conditions(plane, NAME, "Ready", "Enforcing")
        wait_for_conditions(plane, WARNING, "Ready")
        api = Api(plane)
        sensor = Sensor(ingest)
        assert sensor.send("falco", snapshot())[0] == 202
        sensor.close()
        yield Scene(plane, release, ingest, api, namespace, warned)
        api.close()
        for each in (namespace, warned):
            plane.delete_namespace(each)
        plane.kubectl("delete", "node", NODE)
        plane.kubectl("delete", "clusterrolebindings", "--ignore-not-found", *_OF_KIM)


def test_who_speaks_for_no_node_holds_nothing(scene: Scene) -> None:
    web = scene.run("web", f"registry.example/app:1@{BAD}")
    scene.send(TOKEN, web, "Forged")
    wait_for(lambda: "Forged" in condition(scene.plane, NAME, "RuntimeViolations")[2], "told", 60)
    assert scene.held() == {}
    assert scene.ask(f"registry.example/app:1@{BAD}").is_success


def test_a_finding_keeps_new_pods_of_the_image_out(scene: Scene) -> None:
    web = scene.api.get(pod("web"), scene.namespace).body
    scene.send(NODE_TOKEN, web, "Proven")
    wait_for(lambda: BAD in scene.held(), "held", _SOON_S)
    assert scene.held()[BAD]["because"] == "falco 'Proven', critical"
    assert scene.held()[BAD]["workload"] == f"{scene.namespace}/Pod/web"
    # By its digest, under any name.
    image = f"elsewhere.example/other:2@{BAD}"
    wait_for(lambda: not scene.ask(image).is_success, "refused", _SOON_S)
    refused = scene.ask(image)
    assert refused.status == FORBIDDEN
    for said in (
        'image-held  spec.containers[0] "app": image sha256:badbadbadbad is held since 20',
        "until somebody who has revet-releaser runs revet release sha256:badbadbadbad, for falco",
        "falco 'Proven', critical",
        f"fix: run another image; registry.example/app@{BAD} was held for what happened in",
    ):
        assert said in refused.message
    for other in (f"registry.example/app@{FINE}", "registry.example/app:1"):
        assert scene.ask(other).is_success
    template = scene.ask(image, kind="Deployment")
    assert template.is_success
    assert "image sha256:badbadbadbad is held" in "".join(template.warnings)


def test_it_is_told(scene: Scene) -> None:
    said = f"images held: registry.example/app@{BAD[:19]}"
    wait_for(lambda: said in condition(scene.plane, NAME, "RuntimeViolations")[2], "told", 90)
    for kind, namespace in (("Pod", scene.namespace), ("HardeningPolicy", "default")):
        wait_for(lambda: scene.events("ImageHeld", kind, namespace), f"told at the {kind}", 60)  # noqa: B023
    here = f"--namespace={scene.namespace}"
    asked = _revet(scene.plane.kubeconfig, "status", here)
    assert f"holds image registry.example/app@{BAD} since 20" in asked.stdout
    assert "image-held (holding)" in asked.stdout


def test_what_runs_is_not_refused_its_updates(scene: Scene) -> None:
    web = pod("web")
    change = {"spec": {"activeDeadlineSeconds": 86400}}
    assert scene.api.patch(web, scene.namespace, change).is_success
    debug = {"name": "debug", "image": f"registry.example/debug@{BAD}"}
    added = {"spec": {"ephemeralContainers": [debug]}}
    refused = scene.api.patch(web, scene.namespace, added, "/ephemeralcontainers", STRATEGIC)
    assert refused.status == FORBIDDEN
    image = {"spec": {"containers": [{"name": "app", "image": f"other@{BAD}"}]}}
    assert scene.api.patch(web, scene.namespace, image, "", STRATEGIC).status == FORBIDDEN


def test_where_warn_is_asked_for_it_warns(scene: Scene) -> None:
    web = scene.run("web", f"registry.example/app:1@{BAD}", scene.warned)
    scene.send(NODE_TOKEN, web, "Proven")
    wait_for(lambda: BAD in scene.held(WARNING), "held", _SOON_S)
    wait_for(lambda: scene.ask(f"x@{BAD}", scene.warned).warnings, "warned", _SOON_S)
    answer = scene.ask(f"x@{BAD}", scene.warned)
    assert answer.is_success
    assert "who has revet-releaser runs revet release sha256:badbadbadbad, for falco" in "".join(
        answer.warnings
    )


def test_it_holds_with_the_operator_dead_and_ends_by_who_may(scene: Scene) -> None:
    scene.release.operator.kill()
    assert scene.ask(f"x@{BAD}").status == FORBIDDEN
    # Also a webhook that has just come knows, without anybody to tell it.
    scene.release.webhook.stop()
    scene.release.webhook.start()
    wait_for(lambda: "is held since" in scene.ask(f"x@{BAD}").message, "refused", _SOON_S)
    kim = scene.plane.kubeconfig_for("kim")
    looks, releases = _OF_KIM
    args = ("clusterrolebinding", looks, "--clusterrole=revet-policy-viewer", "--user=kim")
    scene.plane.kubectl("create", *args)
    wait_for(lambda: "hardeningpolicies/status" in _revet(kim, "release", BAD).stderr, "asked", 60)
    args = ("clusterrolebinding", releases, "--clusterrole=revet-releaser", "--user=kim")
    scene.plane.kubectl("create", *args)
    wait_for(lambda: _revet(kim, "release", f"x@{BAD[:19]}").returncode == 0, "released", 60)
    wait_for(lambda: scene.ask(f"x@{BAD}").is_success, "admitted", _SOON_S)
    assert not scene.ask(f"x@{BAD}", scene.warned).warnings
    assert "no policy holds" in _revet(kim, "release", BAD).stderr


@pytest.mark.parametrize(
    "change",
    [
        [{"op": "remove", "path": "/status/heldImages/0/released"}],
        [
            {
                "op": "replace",
                "path": "/status/heldImages/0/released",
                "value": "2030-01-01T00:00:00Z",
            }
        ],
        [{"op": "replace", "path": "/status/heldImages/0/because", "value": "nothing"}],
        [{"op": "replace", "path": "/status/heldImages/0/digest", "value": FINE}],
        [{"op": "remove", "path": "/status/heldImages/0"}],
        [{"op": "remove", "path": "/status/heldImages"}],
        [
            {"op": "replace", "path": "/status/conditions/0/status", "value": "True"},
            {"op": "replace", "path": "/status/conditions/0/reason", "value": "Forged"},
        ],
        [{"op": "replace", "path": "/status/counts", "value": {"namespaces": 7}}],
        [{"op": "remove", "path": "/status/runtimeFindings"}],
    ],
    ids=["hold", "forgive", "why", "which", "drop", "all", "conditions", "counts", "findings"],
)
def test_who_may_release_writes_nothing_else(scene: Scene, change: list[dict[str, Any]]) -> None:
    kim = f"--kubeconfig={scene.plane.kubeconfig_for('kim')}"
    patch = ("--subresource=status", "--type=json", f"--patch={json.dumps(change)}")
    done = scene.plane.kubectl(kim, "patch", "hardeningpolicy", NAME, *patch, check=False)
    assert done.returncode != 0
    assert "may mark what is on the list and nothing else" in done.stderr


def test_the_same_finding_does_not_undo_a_release(scene: Scene) -> None:
    scene.release.start_operator()
    web = scene.api.get(pod("web"), scene.namespace).body
    scene.send(NODE_TOKEN, web, "Proven")
    scene.send(NODE_TOKEN, web, "Another")
    wait_for(lambda: "released" not in scene.held()[BAD], "held again", _SOON_S)
    assert scene.held()[BAD]["because"] == "falco 'Another', critical"
    assert len(scene.held()[BAD]["findings"]) == 2
    wait_for(lambda: scene.ask(f"x@{BAD}").status == FORBIDDEN, "refused", _SOON_S)


def test_a_flood_of_images_stays_bounded_and_that_is_told(scene: Scene) -> None:
    pods = [
        scene.run(f"flood-{number}", f"registry.example/app@sha256:{number:064x}", scene.warned)
        for number in range(MOST_HELD + 8)
    ]
    for each in pods:
        scene.send(NODE_TOKEN, each, "Flood")
    # With the one that was released, which goes first.
    dropped = {"result": "dropped"}
    operator = scene.release.operator
    wait_for(lambda: operator.metric("revet_image_holds_total", **dropped) >= 8, "dropped", 90)
    assert len(scene.held(WARNING)) == MOST_HELD
    wait_for(lambda: scene.events("ImageHoldDropped", "HardeningPolicy", "default"), "told", 60)
    said = "no room is left"
    wait_for(lambda: said in condition(scene.plane, WARNING, "RuntimeViolations")[2], "told", 90)


def test_it_ends_with_the_policy(scene: Scene) -> None:
    [image, *_] = scene.held(WARNING)
    assert scene.ask(f"x@{image}", scene.warned).warnings
    scene.plane.kubectl("delete", "hardeningpolicy", WARNING)
    wait_for(lambda: not scene.ask(f"x@{image}", scene.warned).warnings, "ended", _SOON_S)


def test_it_ends_where_nobody_asks_for_it(scene: Scene) -> None:
    scene.plane.apply(_policy(NAME, LABELS, None))
    wait_for(lambda: scene.ask(f"x@{BAD}").is_success, "admitted", _SOON_S)
    wait_for(lambda: scene.held() == {}, "emptied", _SOON_S)


def _policy(name: str, labels: dict[str, str], new_pods: str | None) -> dict[str, Any]:
    respond = [{"action": "HoldImage", "newPods": new_pods}] if new_pods else []
    spec = {"enforcement": "Enforce", "controls": _OTHERS, "runtime": {"respond": respond}}
    return policy(name, labels, **spec)


def _revet(kubeconfig: Path, *args: str) -> "subprocess.CompletedProcess[str]":
    command = [str(REVET), *args, f"--kubeconfig={kubeconfig}"]
    return subprocess.run(command, capture_output=True, text=True, check=False)
