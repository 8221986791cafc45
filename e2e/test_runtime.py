"""Runtime events on a real API server: from a sensor, or its own audit log, to a condition."""

import http
import json
import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import pytest

from e2e.api import Api, wait_for
from e2e.cluster.controlplane import ControlPlane
from e2e.cluster.target import Cluster
from e2e.ingest import (
    AUDIENCE,
    Ingest,
    Sensor,
    alert,
    audit_flags,
    listening,
    snapshot,
)
from e2e.live import condition, read
from e2e.release import NAMESPACE, Release
from e2e.webhook import policy
from tests.support.manifests import workload

NAME: Final = "watched"
LABELS: Final = {"watched": "yes"}
ACCEPTED: Final = http.HTTPStatus.ACCEPTED
VIOLATIONS: Final = "RuntimeViolations"
FEED: Final = "RuntimeFeedHealthy"
_SOON_S: Final = 60


@dataclass(frozen=True)
class Scene:
    """The chart with its ingest, and a Deployment in a namespace that a policy selects."""

    release: Release
    ingest: Ingest
    api: Api
    namespace: str

    @property
    def plane(self) -> ControlPlane:
        """The control plane."""
        return self.release.plane

    def pod(self) -> dict[str, Any]:
        """Read the Deployment's pod."""
        found: dict[str, Any] = self.api.items("Pod", self.namespace)[0]
        return found

    def truth(self, kind: str) -> tuple[str, str]:
        """Read status and reason of a condition."""
        return condition(self.plane, NAME, kind)[:2]

    def send(self, *bodies: object, source: str = "falco") -> None:
        """Send what must be taken."""
        sensor = Sensor(self.ingest)
        for body in bodies:
            status, text = sensor.send(source, body)
            assert status == ACCEPTED, text
        sensor.close()

    def wait_for(self, kind: str, truth: str, reason: str = "") -> None:
        """Wait until a condition says so."""

        def says() -> bool:
            said = self.truth(kind)
            return said[0] == truth and said[1] == (reason or said[1])

        try:
            wait_for(says, f"{kind} {truth} {reason}", _SOON_S)
        except TimeoutError as error:
            told = [condition(self.plane, NAME, each) for each in (VIOLATIONS, FEED)]
            raise AssertionError(f"{error}; it says {told}") from error

    @contextmanager
    def without_apiserver(self, flags: Sequence[str] = ()) -> Iterator[None]:
        """Have no API server for a while, and then one with these flags besides."""
        # Longer outages end the leader, and how long this one is the machine says.
        self.release.operator.stop()
        self.api.close()
        self.plane.stop_apiserver()
        try:
            yield
        finally:
            self.plane.start_apiserver(flags)
            self.release.start_operator()

    def have_policy(self, **runtime: object) -> None:
        """Have a new policy, which has nothing in its status."""
        self.plane.kubectl("delete", "hardeningpolicy", NAME, "--ignore-not-found")
        self.plane.apply(policy(NAME, LABELS, runtime=runtime))
        metric = "revet_ingest_findings"
        wait_for(lambda: self.ingest.metric(metric) == 0, "nothing found", _SOON_S)
        wait_for(lambda: self.truth(VIOLATIONS)[0], "judged", _SOON_S)


@pytest.fixture(scope="module")
def scene(cluster: Cluster) -> Iterator[Scene]:
    """Run operator and ingest; the webhook has no part in this."""
    plane = cluster.control_plane
    if plane is None:
        pytest.skip("our processes run beside the cluster: REVET_E2E_CLUSTER=local")
    with listening(plane) as (release, ingest):
        namespace = plane.create_namespace(LABELS)
        api = Api(plane)
        api.create(workload("Deployment"), namespace)
        wait_for(lambda: api.items("Pod", namespace), "a pod", _SOON_S)
        yield Scene(release, ingest, api, namespace)
        api.close()
        plane.delete_namespace(namespace)


def test_silence_is_unknown_and_a_sign_of_life_is_not(scene: Scene) -> None:
    scene.have_policy()
    assert scene.truth(VIOLATIONS) == ("Unknown", "NoSensorData")
    assert scene.truth(FEED) == ("Unknown", "NoSensorData")
    scene.send(snapshot())
    scene.wait_for(VIOLATIONS, "False", "NoRecentViolations")
    scene.wait_for(FEED, "True", "SensorsHeard")


def test_a_shell_is_told_on_the_policy_and_by_an_event(scene: Scene) -> None:
    scene.have_policy()
    pod = scene.pod()
    scene.send(alert(pod))
    scene.wait_for(VIOLATIONS, "True", "ViolationsObserved")
    status = read(scene.plane, "hardeningpolicy", NAME)["status"]
    [finding] = status["runtimeFindings"]
    # Owners are followed: the pod's own is a ReplicaSet.
    assert (finding["kind"], finding["workload"]) == ("Deployment", "web")
    assert status["runtime"] == "medium 1"

    def told() -> list[Any]:
        events = scene.api.items("Event", scene.namespace)
        return [each for each in events if each["reason"] == "RuntimeViolation"]

    wait_for(told, "an Event", _SOON_S)
    assert told()[0]["involvedObject"]["uid"] == pod["metadata"]["uid"]
    assert told()[0]["related"]["name"] == NAME
    assert "Terminal shell" in told()[0]["message"]


def test_an_answer_that_the_chart_does_not_allow_is_told(scene: Scene) -> None:
    scene.have_policy(respond=[{"action": "Quarantine"}])
    wait_for(lambda: "operator.quarantine" in condition(scene.plane, NAME, "Ready")[2], "told", 60)


def test_a_service_accounts_token_is_reviewed(scene: Scene) -> None:
    args = ("default", f"--namespace={NAMESPACE}", f"--audience={AUDIENCE}")
    token = scene.plane.kubectl("create", "token", *args).stdout.strip()
    sensor = Sensor(scene.ingest, token)

    def is_known() -> bool:
        status, text = sensor.send("falco", snapshot())
        assert status in {ACCEPTED, http.HTTPStatus.TOO_MANY_REQUESTS}, text
        return status == ACCEPTED

    wait_for(is_known, "reviewed", _SOON_S)
    sensor.close()
    other = scene.plane.kubectl("create", "token", "default", f"--namespace={NAMESPACE}")
    refused = Sensor(scene.ingest, other.stdout.strip())
    assert refused.send("falco", snapshot())[0] == http.HTTPStatus.UNAUTHORIZED
    refused.close()


def test_a_storm_is_a_handful_of_writes(scene: Scene) -> None:
    scene.have_policy()
    scene.send(snapshot())
    scene.wait_for(FEED, "True")
    pod = scene.pod()
    writes, memory = scene.release.operator.metric("revet_status_writes_total"), None
    for number in range(200):
        scene.send([alert(pod, f"Rule {index}") for index in range(50)])
        if number == 20:
            memory = scene.ingest.rss_mib()
    count = ("revet_runtime_findings_total", NAME)
    wait_for(lambda: scene.ingest.metric(count[0], policy=NAME) >= 10_000, "counted", _SOON_S)
    scene.wait_for(VIOLATIONS, "True")

    def top() -> list[Any]:
        found: list[Any] = read(scene.plane, "hardeningpolicy", NAME)["status"]["runtimeFindings"]
        return found

    wait_for(lambda: len(top()) == 10, "the top ten", _SOON_S + 60)
    assert scene.release.operator.metric("revet_status_writes_total") - writes <= 10
    assert len(json.dumps(top())) <= 16 * 1024
    assert memory is not None
    assert scene.ingest.rss_mib() - memory < 30


def test_a_restart_in_a_storm_loses_no_condition(scene: Scene) -> None:
    scene.have_policy()
    pod = scene.pod()
    scene.send(alert(pod))
    scene.wait_for(VIOLATIONS, "True")
    before = _transition(scene)
    scene.ingest.kill()
    scene.release.operator.kill()
    scene.release.start_operator()
    wait_for(lambda: scene.release.operator.metric("revet_leader") == 1, "led", _SOON_S)
    # Without an ingest nothing new is heard, and what was found is as young as it was.
    wait_for(
        lambda: scene.release.operator.metric("revet_reconciles_total", about="status") > 0,
        "looked at",
        _SOON_S,
    )
    assert scene.truth(VIOLATIONS)[0] == "True"
    scene.ingest.start()
    scene.send([alert(pod, f"Rule {index}") for index in range(50)])
    answers = "revet_ingest_replicas"
    wait_for(lambda: scene.release.operator.metric(answers) == 1, "heard again", _SOON_S)
    assert scene.truth(VIOLATIONS)[0] == "True"
    assert _transition(scene) == before


def test_without_an_api_server_events_are_taken_and_told_later(scene: Scene) -> None:
    scene.have_policy()
    scene.send(snapshot())
    scene.wait_for(VIOLATIONS, "False")
    pod = scene.pod()
    before = scene.ingest.metric("revet_runtime_findings_total", policy=NAME)
    with scene.without_apiserver():
        scene.send(*(alert(pod) for _ in range(20)))
        wait_for(
            lambda: scene.ingest.metric("revet_runtime_findings_total", policy=NAME) == before + 20,
            "found",
            _SOON_S,
        )
    scene.wait_for(VIOLATIONS, "True")


def test_a_hung_api_server_holds_up_no_sender(scene: Scene) -> None:
    scene.have_policy()
    scene.send(snapshot())
    scene.wait_for(VIOLATIONS, "False")
    pod, pid = scene.pod(), scene.plane.pids["kube-apiserver"]
    os.kill(pid, signal.SIGSTOP)
    try:
        # Not for as long as it takes the leader to give up.
        started = time.monotonic()
        scene.send(*(alert(pod) for _ in range(20)))
        taken = time.monotonic() - started
    finally:
        os.kill(pid, signal.SIGCONT)
    assert taken < 5
    scene.wait_for(VIOLATIONS, "True")


def test_the_audit_log_tells_of_an_exec_and_of_a_secret_that_is_read(scene: Scene) -> None:
    scene.have_policy(
        rules=[
            {"name": "exec", "sources": ["k8s-audit"], "ruleNames": ["* pods/exec"]},
            {"name": "secrets", "sources": ["k8s-audit"], "ruleNames": ["get secrets"]},
        ]
    )
    with scene.without_apiserver(audit_flags(scene.ingest)):
        pass
    try:
        # The cluster's own parts read all day long: that is a feed, and no violation.
        scene.wait_for(FEED, "True", "SensorsHeard")
        assert scene.truth(VIOLATIONS)[0] == "False"
        here = f"--namespace={scene.namespace}"
        scene.plane.kubectl("create", "secret", "generic", "db", here)
        args = ("role", "reader", "--verb=get,create", "--resource=secrets,pods,pods/exec", here)
        scene.plane.kubectl("create", *args)
        scene.plane.kubectl("create", "rolebinding", "kim", "--role=reader", "--user=kim", here)
        kim = f"--kubeconfig={scene.plane.kubeconfig_for('kim')}"
        scene.plane.kubectl(kim, "get", "secret", "db", here)
        scene.wait_for(VIOLATIONS, "True", "ViolationsObserved")
        name = scene.pod()["metadata"]["name"]
        # There is no node to run anything on: what is told of is that somebody tried.
        scene.plane.kubectl(kim, "exec", name, here, "--", "id", check=False)

        def found() -> set[tuple[str, str]]:
            status = read(scene.plane, "hardeningpolicy", NAME)["status"]
            findings = status.get("runtimeFindings", ())
            return {(each["rule"].partition(" ")[2], each["workload"]) for each in findings}

        expected = {("secrets", "db"), ("pods/exec", "web")}
        wait_for(lambda: found() >= expected, "both told", _SOON_S + 60)
    finally:
        with scene.without_apiserver():
            pass


def _transition(scene: Scene) -> str:
    status = read(scene.plane, "hardeningpolicy", NAME)["status"]
    [found] = [each for each in status["conditions"] if each["type"] == VIOLATIONS]
    moved: str = found["lastTransitionTime"]
    return moved
