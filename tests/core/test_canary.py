"""What the canary's pods tell: each status that the API has, and nothing guessed."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from revet.core.canary import (
    Outcome,
    Verdict,
    find_obstacle,
    judge,
    judge_control,
    read_address,
    read_exit,
    read_words,
    recall,
)
from revet.core.check import Level
from revet.core.checks import ALL
from revet.core.engine import evaluate, select_level
from revet.core.model.condition import Truth
from revet.core.model.meta import CANARY_LABEL, Manifest, Owner
from revet.core.model.version import LATEST
from revet.core.render.canary import render_client, render_denial, render_server
from tests.support.check_files import read_manifest

_NOW: Final = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
_OWNER: Final = Owner("rbac.authorization.k8s.io/v1", "ClusterRole", "revet-operator", "u")
_IMAGE: Final = f"registry.example.com/revet@sha256:{'0' * 64}"
_PLACE: Final = ("r1", "revet-system-canary", _IMAGE, _OWNER, 120)


def _pod(phase: str = "Pending", **status: object) -> Manifest:
    return {"status": {"phase": phase, **status}}


def _ended(name: str, code: int, **state: str) -> Manifest:
    return {"name": name, "state": {"terminated": {"exitCode": code, **state}}}


def _waiting(reason: str, message: str = "") -> Manifest:
    state = {"waiting": {"reason": reason, **({"message": message} if message else {})}}
    return _pod(containerStatuses=[{"name": "serve", "state": state}])


@pytest.mark.parametrize(
    ("pod", "reason", "said"),
    [
        (
            _pod(conditions=[{"type": "PodScheduled", "status": "False", "message": "0/3 nodes"}]),
            "NotScheduled",
            "could not be scheduled: 0/3 nodes",
        ),
        (_waiting("ImagePullBackOff", "no such host"), "ImageNotPulled", "no such host"),
        (_waiting("ErrImagePull"), "ImageNotPulled", "could not be pulled: ErrImagePull"),
        (_waiting("CreateContainerConfigError", "root"), "NotStarted", "Error: root"),
        (_waiting("ContainerCreating"), "TimedOut", "still Pending"),
        (_pod("Running"), "TimedOut", "still Running"),
        (_pod("Failed", reason="DeadlineExceeded"), "PodFailed", "DeadlineExceeded"),
        (_pod("Failed", reason="Evicted", message="disk"), "PodFailed", "has ended: disk"),
        (
            _pod("Failed", containerStatuses=[_ended("serve", 128, message="no revet-canary")]),
            "PodFailed",
            "has ended: serve ended with 128: no revet-canary",
        ),
        (_pod("Failed"), "PodFailed", "has ended: no reason is given"),
        (
            {**_waiting("ContainerCreating"), "metadata": {"namespace": "revet-system-canary"}},
            "TimedOut",
            "when its time was over; Events in revet-system-canary may say why",
        ),
        (None, "Deleted", "somebody has deleted the canary's server"),
        ({}, "TimedOut", "still Pending"),
    ],
)
def test_why_nothing_can_be_said_is_told(pod: Manifest | None, reason: str, said: str) -> None:
    told = find_obstacle(pod, "server")
    assert (told.truth, told.reason) == (Truth.UNKNOWN, reason)
    assert said in told.text


@pytest.mark.parametrize(
    ("code", "truth", "reason"),
    [
        (0, Truth.TRUE, "Dropped"),
        (3, Truth.FALSE, "NotDropped"),
        (4, Truth.UNKNOWN, "ControlFailed"),
        (1, Truth.UNKNOWN, "ClientFailed"),
        (137, Truth.UNKNOWN, "ClientFailed"),
        (-1, Truth.UNKNOWN, "ClientFailed"),
    ],
)
def test_only_two_ends_say_something(code: int, truth: Truth, reason: str) -> None:
    assert judge(code)[:2] == (truth, reason)


@pytest.mark.parametrize(
    ("code", "reason"),
    [(4, "ControlFailed"), (1, "ClientFailed"), (3, "ClientFailed"), (137, "ClientFailed")],
)
def test_without_a_control_connection_nothing_is_said(code: int, reason: str) -> None:
    assert judge_control(0) is None
    told = judge_control(code)
    assert told
    assert told[:2] == (Truth.UNKNOWN, reason)
    # Only where it was tried is there something to say of a connection.
    assert ("no connection was made" in told.text) == (code == 4)


def test_the_last_words_of_what_failed_are_told() -> None:
    trace = "Traceback:\n  File x\nModuleNotFoundError: No module named 'revet'\n\n"
    control = _ended("control", 1, reason="Error", message=trace)
    words = read_words(_pod(initContainerStatuses=[control]), "control")
    assert words == "control ended with 1: ModuleNotFoundError: No module named 'revet'"
    for told in (judge_control(1, words), judge(1, words)):
        assert told
        assert told.text == f"the canary's client failed: {words}"
    killed = _pod(containerStatuses=[_ended("compare", 137, reason="OOMKilled")])
    assert read_words(killed, "compare") == "compare ended with 137: OOMKilled"
    assert read_words(killed, "control") == ""
    assert len(read_words(_pod(containerStatuses=[_ended("x", 1, message="y" * 4096)]))) < 300
    assert read_words(_pod("Succeeded", containerStatuses=[_ended("x", 0, message="done")])) == ""


def test_what_a_pod_has_come_to_is_read_of_its_status() -> None:
    running: dict[str, Any] = {"podIP": "10.0.0.1", "phase": "Running"}
    assert read_address({"status": running}) == ""
    states = [{"name": "serve", "state": {"running": {}}}]
    assert read_address({"status": {**running, "containerStatuses": states}}) == "10.0.0.1"
    assert read_address({}) == ""
    ended = _ended("control", 4)
    assert read_exit(_pod(initContainerStatuses=[ended]), "control") == 4
    assert read_exit(_pod(initContainerStatuses=[ended]), "compare") is None
    odd = {"name": "control", "state": {"terminated": {}}}
    assert read_exit(_pod(initContainerStatuses=[odd]), "control") == -1


def _status(outcome: Outcome, *, is_earlier: bool = False) -> Manifest:
    truth, reason, message = outcome.tell(is_earlier=is_earlier)
    condition = {"type": "NetworkEnforced", "status": truth, "reason": reason, "message": message}
    return {"conditions": [{"type": "Ready", "message": message}, condition]}


@pytest.mark.parametrize(
    ("truth", "hours"), [(Truth.TRUE, 24), (Truth.FALSE, 24), (Truth.UNKNOWN, 1)]
)
def test_an_outcome_outlasts_a_restart_and_is_due_in_time(truth: Truth, hours: int) -> None:
    outcome = Outcome(Verdict(truth, "Because", "it was so; or not"), _NOW)
    for is_earlier in (False, True):
        assert recall(_status(outcome, is_earlier=is_earlier), _NOW) == (outcome, is_earlier)
    almost = _NOW + timedelta(hours=hours, seconds=-1)
    assert [outcome.is_due(each) for each in (_NOW, almost)] == [False, False]
    assert outcome.is_due(_NOW + timedelta(hours=hours))
    # A clock that was put back.
    assert outcome.is_due(_NOW - timedelta(seconds=1))


def test_what_we_have_not_written_is_not_recalled() -> None:
    outcome = Outcome(Verdict(Truth.TRUE, "Dropped", "it was"), _NOW)
    assert recall(_status(outcome), _NOW - timedelta(hours=1)) is None
    untold = {"type": "NetworkEnforced", "status": "Unknown", "reason": "x", "message": "untried"}
    assert recall({"conditions": [untold]}, _NOW) is None
    assert recall({}, _NOW) is None


@pytest.mark.parametrize(
    "pod", [render_server(*_PLACE), render_client(*_PLACE, "10.0.0.1")], ids=["server", "client"]
)
def test_its_pods_are_restricted_end_by_themselves_and_have_an_owner(pod: Manifest) -> None:
    checks = select_level(ALL, Level.RESTRICTED, LATEST)
    assert [each.control for each in evaluate(read_manifest(pod).pod(), checks)] == []
    spec = pod["spec"]
    assert (spec["restartPolicy"], spec["activeDeadlineSeconds"]) == ("Never", 480)
    assert spec["automountServiceAccountToken"] is False
    assert pod["metadata"]["ownerReferences"] == [_OWNER.reference]
    assert pod["metadata"]["labels"][CANARY_LABEL] == "r1"
    everything = [*spec["containers"], *spec.get("initContainers", ())]
    assert {each["image"] for each in everything} == {_IMAGE}


def test_one_port_is_denied_and_the_other_is_allowed_to_the_client_alone() -> None:
    server, client = render_server(*_PLACE), render_client(*_PLACE, "10.0.0.1")
    [serve] = server["spec"]["containers"]
    [control], [compare] = client["spec"]["initContainers"], client["spec"]["containers"]
    spec = render_denial("r1", "revet-system-canary", _OWNER)["spec"]
    assert spec["podSelector"] == {"matchLabels": server["metadata"]["labels"]}
    [rule] = spec["ingress"]
    assert rule["from"] == [{"podSelector": {"matchLabels": client["metadata"]["labels"]}}]
    allowed, denied = serve["args"][1:]
    assert [str(each["port"]) for each in rule["ports"]] == [allowed]
    assert control["args"] == ["reach", "10.0.0.1", denied, "--within=60"]
    assert compare["args"] == ["compare", "10.0.0.1", allowed, denied, "--within=60"]
