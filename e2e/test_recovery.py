"""The operator killed after each of its writes: what stands then is as if nothing had been."""

import json
import os
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final
from uuid import uuid4

import pytest

from e2e.api import Api, wait_for
from e2e.cluster.process import ProcessError
from e2e.cut import Cut, Write
from e2e.release import Release
from e2e.standing import NAMESPACES, NETWORK_POLICIES, Snapshot, delete_shared, read_standing
from e2e.trail import Trail
from e2e.webhook import policy

NAME: Final = "recovered"
LABELS: Final = {"recovered": "yes"}
_ENFORCE: Final = "pod-security.kubernetes.io/enforce"
_MOST_WRITES: Final = 60
_SETTLED_S: Final = 45


@dataclass
class Stage:
    """The chart's processes, the operator behind a cut, and two namespaces that a policy selects.

    `made` and `gone` are what stands with the policy and without it, when nothing disturbs.
    """

    release: Release
    api: Api
    cut: Cut
    namespaces: list[str]
    made: Snapshot = field(default_factory=dict)
    gone: Snapshot = field(default_factory=dict)
    killed: threading.Event = field(default_factory=threading.Event)

    def clear(self) -> None:
        """Leave the operator dead, and nothing of what it makes: as after an installation."""
        self.kill()
        delete_shared(self.api)

    def kill(self) -> None:
        """Kill the operator, and let through whatever the next one writes."""
        if self.release.operator.is_running:  # it may have been killed before it was ready
            self.release.operator.kill()
        self.cut.hang_up()
        self.cut.pass_all()
        self.killed.clear()

    def start_to_be_killed(self) -> None:
        """Start the operator; its first write is its last, and it never knows that it was done."""
        first = threading.Lock()

        def hold_all_but_the_first(_: Write) -> None:
            if not first.acquire(blocking=False):
                self.killed.wait()
                raise ConnectionAbortedError

        def kill(_: Write) -> None:
            os.kill(self.release.operator.pid, signal.SIGKILL)
            self.killed.set()

        self.cut.before, self.cut.after = hold_all_but_the_first, kill
        with suppress(ProcessError):  # it may be killed before it has told that it is ready
            self.release.operator.start()

    def kill_until(self, wanted: Snapshot) -> list[str]:
        """Kill the running operator after its next write, and so on until this stands.

        Returns what each of the writes was to.
        """
        written: list[str] = []
        while len(written) < _MOST_WRITES:
            self.settle(wanted, f"killed after writes to {written}")
            if not self.killed.is_set():
                break
            written += (each.path.rpartition("/apis")[2] for each in self.cut.writes)
            self.kill()
            self.start_to_be_killed()
        return written

    def apply(self) -> None:
        """Create the policy."""
        labels = {"mode": "Enforce", "podSecurity": {"enforce": "restricted"}}
        network = {"mode": "Enforce"}
        asked = policy(NAME, LABELS, enforcement="Enforce", network=network, namespaces=labels)
        self.release.plane.apply(asked)

    def delete(self) -> None:
        """Delete the policy."""
        self.release.plane.kubectl("delete", "hardeningpolicy", NAME)

    def snapshot(self) -> Snapshot:
        """Read what stands."""
        return read_standing(self.api, self.namespaces)

    def settle(self, wanted: Snapshot, when: str) -> None:
        """Wait until exactly this stands, or the operator has been killed."""
        with suppress(TimeoutError):
            wait_for(lambda: self.killed.is_set() or self.snapshot() == wanted, when, _SETTLED_S)
        assert self.killed.is_set() or self.snapshot() == wanted, when


def _is_done(policy: Snapshot) -> bool:
    """Tell whether a policy's status says that all of it stands, and that pods were counted."""
    conditions = policy["conditions"]
    true = ("Ready", "Enforcing", "NetworkIsolated", "BaselineApplied")
    said = all(conditions.get(each, ("",))[0] == "True" for each in true)
    return said and (policy["counts"] or {}).get("namespaces") == 2


@pytest.fixture(scope="module")
def stage(release: Release) -> Iterator[Stage]:
    """Run it all once undisturbed, to know what should stand."""
    plane = release.plane
    labels = {**LABELS, _ENFORCE: "privileged"}
    namespaces = [plane.create_namespace(labels) for _ in range(2)]
    with Cut(plane) as cut:
        [kubeconfig, *rest] = release.operator.flags
        own = cut.kubeconfig(Path(kubeconfig.partition("=")[2]))
        release.operator.flags = [f"--kubeconfig={own}", *rest]
        stage = Stage(release, Api(plane), cut, namespaces)
        try:
            release.start()
            wait_for(lambda: len(stage.snapshot()) == 12, "guards, certificates", _SETTLED_S)
            stage.gone = stage.snapshot()
            stage.apply()
            place = f"HardeningPolicy /{NAME}"
            wait_for(lambda: _is_done(stage.snapshot()[place]), "made", _SETTLED_S)
            stage.made = stage.snapshot()
            yield stage
        finally:
            release.stop()
            stage.api.close()
            release.operator.flags = [kubeconfig, *rest]
    for each in namespaces:
        plane.delete_namespace(each)


def test_killed_after_each_write_it_ends_where_it_would_have(stage: Stage) -> None:
    stage.kill()
    stage.start_to_be_killed()
    stage.delete()
    # Two namespaces put back, two configurations, the guard.
    assert len(set(stage.kill_until(stage.gone))) >= 5
    stage.clear()
    stage.apply()
    stage.start_to_be_killed()
    # Two Secrets, two configurations, guard and binding; two namespaces labelled and isolated.
    assert len(set(stage.kill_until(stage.made))) >= 12


def test_a_restart_writes_nothing_where_all_stands(stage: Stage) -> None:
    stage.kill()
    trail = Trail(stage.release.plane)
    stage.release.start_operator()
    looked = partial(stage.release.operator.metric, "revet_reconciles_total", result="ok")
    wait_for(
        lambda: "pods" in {each.resource for each in trail.requests()}, "pods counted", _SETTLED_S
    )
    # Once when it had looked at everything, and once when it had counted.
    wait_for(lambda: looked(about="status") >= 2, "told", _SETTLED_S)
    assert looked(about="cluster") >= 1
    assert looked(about="policy") >= 1
    assert looked(about="namespace") >= 2
    assert stage.cut.writes == []
    assert stage.snapshot() == stage.made


@pytest.fixture
def short_lived(stage: Stage) -> Iterator[str]:
    """Give the name of a namespace that there is not yet."""
    name = f"short-lived-{uuid4().hex[:8]}"
    yield name
    stage.cut.pass_all()
    stage.release.plane.delete_namespace(name)


def _create(stage: Stage, name: str, labels: Mapping[str, str]) -> None:
    metadata = {"name": name, "labels": dict(labels)}
    made = {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
    assert stage.api.send("POST", NAMESPACES, made).is_success


def _delete(stage: Stage, name: str) -> None:
    """Delete a namespace, and return when it is gone."""
    assert stage.api.send("DELETE", f"{NAMESPACES}/{name}").is_success
    wait_for(lambda: stage.api.send("GET", f"{NAMESPACES}/{name}").status == 404, "gone")


def _count_policies(stage: Stage, name: str) -> int:
    path = NETWORK_POLICIES.replace("/networkpolicies", f"/namespaces/{name}/networkpolicies")
    return len(stage.api.send("GET", path).body["items"])


def _is_kept(stage: Stage, name: str) -> bool:
    labels = stage.api.send("GET", f"{NAMESPACES}/{name}").body["metadata"]["labels"]
    return labels.get(_ENFORCE) == "restricted" and _count_policies(stage, name) == 2


def _is_of(write: Write, name: str, part: str) -> bool:
    return write.path.endswith(name) if part == "labels" else f"/{name}/{part}/" in write.path


def _create_held(stage: Stage, name: str, part: str) -> threading.Event:
    """Create a namespace; return when a write to it is on its way, and what lets it go on."""
    arrived, let_go = threading.Event(), threading.Event()

    def hold(write: Write) -> None:
        if _is_of(write, name, part):
            arrived.set()
            let_go.wait(_SETTLED_S)

    stage.cut.pass_all()
    stage.cut.before = hold
    _create(stage, name, LABELS)
    assert arrived.wait(_SETTLED_S)
    return let_go


def _see_that_it_goes_on(stage: Stage) -> None:
    """Have it keep another namespace: what it was at before is done then."""
    name = f"marker-{uuid4().hex[:8]}"
    _create(stage, name, LABELS)
    wait_for(lambda: _is_kept(stage, name), "another is kept", _SETTLED_S)
    stage.release.plane.delete_namespace(name)


def _failures(stage: Stage) -> float:
    return stage.release.operator.metric("revet_reconciles_total", result="failed")


@pytest.mark.parametrize("part", ["labels", "networkpolicies"])
def test_a_namespace_deleted_meanwhile_stays_gone(
    stage: Stage, short_lived: str, part: str
) -> None:
    failures = _failures(stage)
    let_go = _create_held(stage, short_lived, part)
    _delete(stage, short_lived)
    let_go.set()
    _see_that_it_goes_on(stage)
    answers = [each.status for each in stage.cut.writes if _is_of(each, short_lived, part)]
    assert answers
    assert all(status in {403, 404, 409} for status in answers), answers
    assert stage.api.send("GET", f"{NAMESPACES}/{short_lived}").status == 404
    assert _failures(stage) == failures


@pytest.mark.parametrize("part", ["labels", "networkpolicies"])
@pytest.mark.parametrize("labels", [LABELS, {}], ids=["selected", "not-selected"])
def test_a_namespace_recreated_meanwhile_gets_its_own(
    stage: Stage, short_lived: str, part: str, labels: Mapping[str, str]
) -> None:
    failures = _failures(stage)
    let_go = _create_held(stage, short_lived, part)
    _delete(stage, short_lived)
    _create(stage, short_lived, labels)
    let_go.set()
    _see_that_it_goes_on(stage)
    if labels:
        wait_for(lambda: _is_kept(stage, short_lived), "kept", _SETTLED_S)
    else:
        wait_for(lambda: _count_policies(stage, short_lived) == 0, "without", _SETTLED_S)
        metadata = stage.api.send("GET", f"{NAMESPACES}/{short_lived}").body["metadata"]
        assert _ENFORCE not in metadata["labels"]
        assert "annotations" not in metadata
    assert _failures(stage) == failures


def test_no_object_tells_of_kopf_or_waits_for_us(stage: Stage) -> None:
    plane = stage.release.plane
    kinds = plane.kubectl("api-resources", "--verbs=list", "--output=name").stdout.split()
    assert {"hardeningpolicies.revet.dev", "events", "leases.coordination.k8s.io"} <= set(kinds)
    get = ("get", ",".join(kinds), "--all-namespaces", "--show-managed-fields", "--output=json")
    items = json.loads(plane.kubectl(*get).stdout)["items"]
    assert {"Lease", "Secret", "NetworkPolicy"} <= {each["kind"] for each in items}
    told = [each["metadata"] for each in items if "kopf" in json.dumps(each).lower()]
    assert told == []
    finalizers = {name for each in items for name in each["metadata"].get("finalizers", ())}
    # A namespace's own finalizers are in its spec; these are of others than us.
    assert [name for name in finalizers if "revet" in name or "kopf" in name] == []
