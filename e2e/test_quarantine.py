"""Quarantine on a real API server: who leads to it, what it closes, who may end it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from e2e.api import Api, wait_for
from e2e.cluster.controlplane import ControlPlane
from e2e.cluster.target import Cluster
from e2e.ingest import NODE, NODE_TOKEN, TOKEN, Ingest, Sensor, alert, listening, snapshot
from e2e.live import condition, isolation
from e2e.webhook import policy
from tests.support.manifests import workload

NAME: Final = "responding"
LABELS: Final = {"responding": "yes"}
LABEL: Final = "revet.dev/quarantine"
RELEASED: Final = "revet.dev/released"
VIOLATIONS: Final = "RuntimeViolations"
REVET: Final = Path(sys.executable).parent / "revet"
FORBIDDEN: Final = 403
_SOON_S: Final = 60
_ASKED: Final = {"action": "Quarantine", "minSeverity": "high", "maxPods": 1, "maxPercent": 100}
_TENANTS: Final = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "tenants-own"},
    "spec": {"podSelector": {"matchLabels": {"app": "web"}}, "ingress": [{}]},
}


@dataclass(frozen=True)
class Scene:
    """A policy that answers, and a Deployment with two pods on a node."""

    plane: ControlPlane
    ingest: Ingest
    api: Api
    namespace: str

    def pods(self) -> list[dict[str, Any]]:
        """Read the Deployment's pods, by name."""
        return sorted(
            self.api.items("Pod", self.namespace), key=lambda each: str(each["metadata"]["name"])
        )

    def held(self) -> dict[str, str]:
        """Return why each pod is in quarantine that is."""
        return {
            each["metadata"]["name"]: each["metadata"]["annotations"]["revet.dev/quarantined-for"]
            for each in self.pods()
            if LABEL in each["metadata"].get("labels", {})
        }

    def send(self, token: str, pod: dict[str, Any], rule: str) -> None:
        """Send a critical alert about a pod."""
        sensor = Sensor(self.ingest, token)
        body = alert(pod, rule, hostname=NODE, priority="Critical")
        assert sensor.send("falco", body)[0] == 202
        sensor.close()

    def events(self, reason: str, kind: str = "Pod") -> list[str]:
        """Return what Events of a reason say of objects of a kind."""
        return [
            each["message"]
            for each in self.api.items("Event", self.namespace)
            if (each["reason"], each["involvedObject"]["kind"]) == (reason, kind)
        ]

    def said(self) -> str:
        """Return the message of RuntimeViolations."""
        return condition(self.plane, NAME, VIOLATIONS)[2]


@pytest.fixture(scope="module")
def scene(cluster: Cluster) -> Iterator[Scene]:
    """Run operator and ingest; the webhook has no part in this."""
    plane = cluster.control_plane
    if plane is None:
        pytest.skip("our processes run beside the cluster: REVET_E2E_CLUSTER=local")
    with listening(plane, "operator.quarantine=true") as (_, ingest):
        # Pods that are bound to no node that there is are taken away.
        plane.apply({"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE}})
        namespace = plane.create_namespace(LABELS)
        api = Api(plane)
        deployment = workload("Deployment")
        deployment["spec"]["replicas"] = 2
        deployment["spec"]["template"]["spec"]["nodeName"] = NODE
        assert api.create(deployment, namespace).is_success
        found = Scene(plane, ingest, api, namespace)
        wait_for(lambda: len(found.pods()) == 2, "two pods", _SOON_S)
        network = {"mode": "Enforce", "allow": {"sameNamespace": True}}
        plane.apply(policy(NAME, LABELS, runtime={"respond": [_ASKED]}, network=network))
        wait_for(lambda: ingest.metric("revet_ingest_policies") == 1, "asked for", _SOON_S)
        _bind_kim(plane, namespace)
        ready = ("Ready", "NetworkIsolated")
        wait_for(
            lambda: all(condition(plane, NAME, each)[0] == "True" for each in ready), "ready", 60
        )
        yield found
        api.close()
        plane.delete_namespace(namespace)
        plane.kubectl("delete", "node", NODE)


def test_who_speaks_for_no_node_leads_to_a_condition_alone(scene: Scene) -> None:
    sensor = Sensor(scene.ingest)
    assert sensor.send("falco", snapshot())[0] == 202
    sensor.close()
    assert any(name.endswith("-quarantine") for name in isolation(scene.plane, scene.namespace))
    scene.send(TOKEN, scene.pods()[0], "Unproven")
    wait_for(lambda: "Unproven" in scene.said(), "told", _SOON_S)
    assert "in quarantine" not in scene.said()
    assert scene.held() == {}


def test_a_pod_is_put_there_and_its_owner_and_whoever_opens_it_are_told(scene: Scene) -> None:
    pod, other = scene.pods()
    name = pod["metadata"]["name"]
    assert scene.api.create(_TENANTS, scene.namespace).is_success
    scene.send(NODE_TOKEN, pod, "Proven")
    wait_for(scene.held, "in quarantine", _SOON_S)
    assert set(scene.held()) == {name}
    assert json.loads(scene.held()[name])["because"] == "falco 'Proven', critical"
    for kind in ("Pod", "ReplicaSet"):
        wait_for(lambda: scene.events("Quarantined", kind), f"told at the {kind}", _SOON_S)  # noqa: B023
    place = f"in quarantine: {scene.namespace}/{name}"
    wait_for(lambda: f"{place}, to which NetworkPolicy tenants-own" in scene.said(), "open", 90)
    wait_for(lambda: scene.events("QuarantineOpen"), "told", _SOON_S)
    # One of two is the limit, whichever finding.
    scene.send(NODE_TOKEN, other, "Proven")
    wait_for(lambda: scene.events("NotQuarantined"), "refused", _SOON_S)
    assert "1 of the pods of Deployment/web are in quarantine already" in "".join(
        scene.events("NotQuarantined")
    )
    assert set(scene.held()) == {name}


@pytest.mark.parametrize(
    "change",
    [
        {"metadata": {"labels": {LABEL: None}}},
        {"metadata": {"labels": {LABEL: "x"}}},
        {"metadata": {"annotations": {"revet.dev/quarantined-for": None}}},
        {"metadata": {"annotations": {RELEASED: "9999-01-01T00:00:00Z"}}},
    ],
    ids=["out", "other", "why", "forgiven"],
)
@pytest.mark.parametrize("subresource", ["", "--subresource=status"])
def test_nobody_else_touches_the_marks(
    scene: Scene, change: dict[str, Any], subresource: str
) -> None:
    [name] = scene.held()
    args = ("patch", "pod", name, "--type=merge", f"--patch={json.dumps(change)}", subresource)
    done = _as_kim(scene, *filter(None, args))
    assert done.returncode != 0
    assert f"the label {LABEL} and what says why are written by Revet alone" in done.stderr


def test_other_changes_pass_and_marks_on_what_is_new_do_not(scene: Scene) -> None:
    [name] = scene.held()
    assert _as_kim(scene, "label", "pod", name, "team=shop").returncode == 0
    marked = {"metadata": {"labels": {LABEL: "x"}}}
    patch = json.dumps({"spec": {"template": marked}})
    done = _as_kim(scene, "patch", "deployment", "web", "--type=merge", f"--patch={patch}")
    assert "written by Revet alone" in done.stderr
    annotation = f"--overrides={json.dumps({'metadata': {'annotations': {RELEASED: 'x'}}})}"
    done = _as_kim(scene, "run", "new", "--image=app", annotation)
    assert "written by Revet alone" in done.stderr


def test_it_ends_by_a_release_of_who_may(scene: Scene) -> None:
    [name] = scene.held()
    refused = _release(scene, name)
    assert refused.returncode == 2
    assert "needs the verb release on hardeningpolicies.revet.dev" in refused.stderr
    args = ("rolebinding", "kim-releases", "--clusterrole=revet-releaser", "--user=kim")
    scene.plane.kubectl("create", *args, f"--namespace={scene.namespace}")
    wait_for(lambda: _release(scene, name).returncode == 0, "released", _SOON_S)
    assert scene.held() == {}
    assert "is not in quarantine" in _release(scene, name).stderr
    wait_for(lambda: "in quarantine" not in scene.said(), "told", 90)
    pod = next(each for each in scene.pods() if each["metadata"]["name"] == name)
    # The same finding does not undo that; another one, that comes after it, does.
    scene.send(NODE_TOKEN, pod, "Proven")
    scene.send(NODE_TOKEN, pod, "Another")
    wait_for(scene.held, "in quarantine again", _SOON_S)
    assert json.loads(scene.held()[name])["because"] == "falco 'Another', critical"


def _bind_kim(plane: ControlPlane, namespace: str) -> None:
    """Have somebody who may edit what is in the namespace, and more of pods than `edit` says."""
    here = f"--namespace={namespace}"
    plane.kubectl("create", "role", "more", "--verb=patch", "--resource=pods/status", here)
    for name in ("--clusterrole=edit", "--role=more"):
        plane.kubectl("create", "rolebinding", f"kim-{name[-4:]}", name, "--user=kim", here)


def _as_kim(scene: Scene, *args: str) -> "subprocess.CompletedProcess[str]":
    """Do as somebody who may edit, and is not Revet."""
    here = f"--namespace={scene.namespace}"
    kim = f"--kubeconfig={scene.plane.kubeconfig_for('kim')}"
    done: subprocess.CompletedProcess[str] = scene.plane.kubectl(kim, *args, here, check=False)
    return done


def _release(scene: Scene, pod: str) -> "subprocess.CompletedProcess[str]":
    kim = f"--kubeconfig={scene.plane.kubeconfig_for('kim')}"
    command = [str(REVET), "release", pod, f"--namespace={scene.namespace}", kim]
    return subprocess.run(command, capture_output=True, text=True, check=False)
