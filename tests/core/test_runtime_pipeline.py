"""From events to findings: dedup, correlation, rules, caps; with a clock that the test moves."""

import json
from dataclasses import replace
from itertools import count
from typing import Any, Final

import pytest

from revet.core.model.policy import parse_policy
from revet.core.model.policy_runtime import Severity, Source
from revet.core.runtime.event import Kind, RuntimeEvent
from revet.core.runtime.feed import Loss
from revet.core.runtime.findings import Suspect
from revet.core.runtime.match import WatchingPolicy
from revet.core.runtime.pipeline import HOLD_S, Pipeline, Result
from revet.core.runtime.pods import GONE_S, read_pod
from tests.support.manifests import policy

NOW: Final = 1_000_000.0
CONTAINER: Final = "0123456789abcdef" * 4
_numbers: Final = count()


def _pod(name: str = "web-1", uid: str = "uid-web", **metadata: object) -> bytes:
    owner = {"kind": "ReplicaSet", "name": "web", "uid": "uid-rs", "controller": True}
    manifest = {
        "metadata": {
            "name": name,
            "namespace": "shop",
            "uid": uid,
            "labels": {"app": "web"},
            "ownerReferences": [owner],
            **metadata,
        },
        "spec": {"nodeName": "node-a"},
        "status": {
            "containerStatuses": [{"name": "app", "containerID": f"containerd://{CONTAINER}"}]
        },
    }
    return json.dumps(manifest).encode()


def _replica_set(maker: str = "web") -> bytes:
    owner = {"kind": "Deployment", "name": maker, "uid": "u", "controller": True}
    metadata = {"name": "web", "uid": "uid-rs", "ownerReferences": [owner]}
    return json.dumps({"metadata": metadata}).encode()


def _policy(name: str = "p", **runtime: object) -> WatchingPolicy:
    return _watching(name, {"runtime": runtime})


def _watching(name: str, spec: dict[str, Any]) -> WatchingPolicy:
    manifest = policy(name, {"tier": "prod"}, **spec)
    manifest["metadata"]["uid"] = name
    watching = WatchingPolicy.of(parse_policy(json.dumps(manifest)))
    assert watching is not None
    return watching


def _event(**fields: Any) -> RuntimeEvent:  # noqa: ANN401 -- as RuntimeEvent has them
    given: dict[str, Any] = {
        "source": Source.FALCO,
        "key": b"%d" % next(_numbers),
        "at": NOW,
        "rule": "Shell",
        "node": "node-a",
        **fields,
    }
    return RuntimeEvent(**given)


def _named(**fields: Any) -> RuntimeEvent:  # noqa: ANN401 -- as above
    return _event(namespace="shop", pod="web-1", container="app", **fields)


@pytest.fixture
def pipeline() -> Pipeline:
    made = Pipeline(frozenset({"kube-system"}))
    made.namespaces = {"shop": {"tier": "prod"}, "test": {}, "kube-system": {"tier": "prod"}}
    made.owners.put(_replica_set())
    made.pods.put(read_pod(_pod()))
    made.use([_policy()])
    return made


def test_an_event_becomes_a_finding_on_what_people_wrote(pipeline: Pipeline) -> None:
    assert pipeline.take(_named(executable="/bin/bash", process="bash"), NOW) is Result.MATCHED
    [finding] = pipeline.findings.of("p")
    assert (finding.kind, finding.workload, finding.container) == ("Deployment", "web", "app")
    assert (finding.pod, finding.pod_uid, finding.count) == ("web-1", "uid-web", 1)


def test_only_who_has_proven_to_be_the_pods_node_makes_suspects(pipeline: Pipeline) -> None:
    pipeline.take(_named(), NOW)
    # A pod that is on no node yet has nobody who may speak for it.
    pipeline.pods.put(read_pod(_pod("new", "uid-new").replace(b'"nodeName": "node-a"', b"")))
    new = _event(namespace="shop", pod="new", container="app", is_bound=True)
    pipeline.take(new, NOW)
    [finding] = pipeline.findings.of("p")
    assert (finding.count, finding.suspects) == (2, ())
    pipeline.take(_named(is_bound=True, severity=Severity.HIGH), NOW)
    assert finding.suspects == (Suspect("web-1", "uid-web", Severity.HIGH, NOW),)
    assert pipeline.take(_named(is_bound=True, node="node-b"), NOW) is Result.MISMATCH
    assert len(finding.suspects) == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"pod_uid": "uid-web"},
        {"namespace": "shop", "pod": "web-1"},
        {"container_id": CONTAINER[:12]},
        {"container_id": CONTAINER[:31]},
        {"container_id": CONTAINER},
    ],
)
def test_a_pod_is_found_by_what_there_is(pipeline: Pipeline, fields: dict[str, str]) -> None:
    assert pipeline.take(_event(**fields), NOW) is Result.MATCHED
    [finding] = pipeline.findings.of("p")
    assert finding.pod == "web-1"
    assert finding.container == ("app" if "container_id" in fields else "")


def test_nobody_guesses(pipeline: Pipeline) -> None:
    pipeline.pods.put(read_pod(_pod("other", "uid-other").replace(b'cdef"', b'cdee"')))
    assert pipeline.take(_event(container_id=CONTAINER[:31]), NOW) is Result.HELD
    assert pipeline.take(_event(container_id=CONTAINER[:8]), NOW) is Result.HELD
    # A uid that is wrong is not made up for by a name.
    assert pipeline.take(_named(pod_uid="uid-before"), NOW) is Result.HELD
    assert pipeline.take(_event(), NOW) is Result.UNATTRIBUTED
    [lost] = pipeline.feed.report().lost
    assert (lost.reason, lost.count) == (Loss.UNATTRIBUTED, 1)


def test_a_container_that_the_pod_does_not_have_is_not_told(pipeline: Pipeline) -> None:
    pipeline.take(_event(namespace="shop", pod="web-1", container="made-up"), NOW)
    [finding] = pipeline.findings.of("p")
    assert finding.container == ""


def test_what_comes_before_its_pod_waits(pipeline: Pipeline) -> None:
    event = _event(pod_uid="uid-late")
    assert pipeline.take(event, NOW) is Result.HELD
    assert pipeline.retry(NOW + 1) == []
    pipeline.pods.put(read_pod(_pod("late", "uid-late")))
    assert pipeline.retry(NOW + 2) == [(event, Result.MATCHED)]
    assert pipeline.held == 0


def test_what_has_no_pod_for_half_a_minute_is_given_up(pipeline: Pipeline) -> None:
    event = _event(pod_uid="uid-never")
    pipeline.take(event, NOW)
    assert pipeline.retry(NOW + HOLD_S - 1) == []
    assert pipeline.retry(NOW + HOLD_S) == [(event, Result.UNATTRIBUTED)]
    assert [each.reason for each in pipeline.feed.report().lost] == [Loss.UNATTRIBUTED]


def test_a_pod_that_is_gone_is_known_for_ten_minutes(pipeline: Pipeline) -> None:
    pipeline.pods.drop("uid-web", NOW)
    assert pipeline.take(_event(container_id=CONTAINER[:12]), NOW + 1) is Result.MATCHED
    pipeline.expire(NOW + GONE_S)
    assert pipeline.take(_event(container_id=CONTAINER[:12]), NOW + GONE_S) is Result.HELD
    assert len(pipeline.pods) == 0


def test_a_new_pod_has_the_name_of_one_that_is_gone(pipeline: Pipeline) -> None:
    pipeline.pods.drop("uid-web", NOW)
    pipeline.pods.put(read_pod(_pod("web-1", "uid-next")))
    pipeline.pods.expire(NOW + GONE_S)
    assert pipeline.take(_named(), NOW + GONE_S) is Result.MATCHED
    [finding] = pipeline.findings.of("p")
    assert finding.pod_uid == "uid-next"


def test_an_event_that_comes_twice_counts_once(pipeline: Pipeline) -> None:
    event = _named()
    assert pipeline.take(event, NOW) is Result.MATCHED
    assert pipeline.take(event, NOW + 5) is Result.DUPLICATE
    [finding] = pipeline.findings.of("p")
    assert finding.count == 1


def test_what_is_held_is_looked_at_in_portions(pipeline: Pipeline) -> None:
    for number in range(5):
        pipeline.take(_event(pod_uid=f"uid-{number}"), NOW)
    pipeline.pods.put(read_pod(_pod("late", "uid-1")))
    assert pipeline.retry(NOW + 1, 1) == []
    assert len(pipeline.retry(NOW + 1, 1)) == 1
    assert pipeline.held == 4


def test_another_nodes_pod_is_not_believed(pipeline: Pipeline) -> None:
    pipeline.pods.put(read_pod(_pod("b", "uid-b").replace(b"node-a", b"node-b")))
    assert pipeline.take(_named(node="node-b"), NOW) is Result.MISMATCH
    # A sensor outside of a pod calls itself something else.
    assert pipeline.take(_named(node="falco-x"), NOW) is Result.MATCHED
    # One that is bound to a node without pods speaks for no other all the same.
    assert pipeline.take(_named(node="empty", is_bound=True), NOW) is Result.MISMATCH
    assert pipeline.take(_named(node="node-a", is_bound=True), NOW) is Result.MATCHED


def test_late_and_out_of_order(pipeline: Pipeline) -> None:
    for at in (NOW, NOW - 30, NOW - 10):
        pipeline.take(_named(at=at, process=f"at {at}"), NOW)
    [finding] = pipeline.findings.of("p")
    assert (finding.first, finding.last, finding.count) == (NOW - 30, NOW, 3)
    assert finding.process == f"at {NOW}"


def test_a_node_is_no_pod(pipeline: Pipeline) -> None:
    assert pipeline.take(_event(is_host=True), NOW) is Result.NODE
    assert len(pipeline.findings) == 0


def test_an_object_concerns_policies_about_all_pods(pipeline: Pipeline) -> None:
    some = _watching("some", {"runtime": {}, "podSelector": {"matchLabels": {"app": "web"}}})
    pipeline.use([_policy(), some])
    event = _event(source=Source.K8S_AUDIT, namespace="shop", subject="secrets/db")
    assert pipeline.take(event, NOW) is Result.MATCHED
    [finding] = pipeline.findings.of("p")
    assert (finding.kind, finding.workload, finding.pod) == ("secrets", "db", "")
    assert list(pipeline.findings.of("some")) == []
    cluster = _event(source=Source.K8S_AUDIT, subject="clusterroles/x")
    assert pipeline.take(cluster, NOW) is Result.UNMATCHED


@pytest.mark.parametrize("namespace", ["test", "kube-system", "gone"])
def test_other_namespaces_do_not_concern_it(pipeline: Pipeline, namespace: str) -> None:
    pipeline.pods.put(read_pod(_pod("x", "uid-x").replace(b'"shop"', f'"{namespace}"'.encode())))
    assert pipeline.take(_event(pod_uid="uid-x"), NOW) is Result.UNMATCHED


RULES: Final[dict[str, tuple[dict[str, Any], dict[str, Any], bool]]] = {
    "any": ({}, {}, True),
    "too mild": ({}, {"severity": Severity.LOW}, False),
    "mild is enough": ({"minSeverity": "low"}, {"severity": Severity.LOW}, True),
    "another sensor": ({"sources": ["tetragon"]}, {}, False),
    "this sensor": ({"sources": ["falco", "tetragon"]}, {}, True),
    "by name": ({"ruleNames": ["Sh*l"]}, {}, True),
    "by another name": ({"ruleNames": ["sh*"]}, {}, False),
    "brackets are no pattern": ({"ruleNames": ["Sh[e]ll"]}, {}, False),
    "by tag": ({"tags": ["a", "b"]}, {"tags": ("b", "c")}, True),
    "by another tag": ({"tags": ["a"]}, {"tags": ("b",)}, False),
    "routine": ({}, {"is_routine": True}, False),
    "routine, by name": ({"ruleNames": ["Shell"]}, {"is_routine": True}, True),
    "traced": (
        {"tetragonPolicies": ["block-*"]},
        {"source": Source.TETRAGON, "tracing_policy": "block-x"},
        True,
    ),
    "not traced": ({"tetragonPolicies": ["*"]}, {}, False),
}


@pytest.mark.parametrize("case", RULES)
def test_rules(pipeline: Pipeline, case: str) -> None:
    rule, fields, fits = RULES[case]
    pipeline.use([_policy(rules=[{"name": "r", **rule}])])
    expected = Result.MATCHED if fits else Result.UNMATCHED
    assert pipeline.take(_named(**fields), NOW) is expected


def test_a_policy_without_runtime_hears_nothing(pipeline: Pipeline) -> None:
    assert WatchingPolicy.of(parse_policy(json.dumps(policy("q", {})))) is None
    pipeline.take(_named(), NOW)
    pipeline.use([])
    assert len(pipeline.findings) == 0
    assert pipeline.take(_named(), NOW) is Result.UNMATCHED


def test_another_policy_of_the_same_name_begins_with_nothing(pipeline: Pipeline) -> None:
    pipeline.take(_named(), NOW)
    pipeline.use([replace(_policy(), uid="another")])
    assert len(pipeline.findings) == 0


def test_losses_and_signs_of_life_are_noted(pipeline: Pipeline) -> None:
    assert pipeline.take(_event(kind=Kind.ALIVE), NOW) is Result.ALIVE
    assert pipeline.take(_event(kind=Kind.LOSS, node="n3"), NOW + 1) is Result.LOSS
    report = pipeline.feed.report()
    assert report.heard == {Source.FALCO: NOW + 1}
    assert [(each.reason, each.node) for each in report.lost] == [(Loss.SENSOR, "n3")]


def test_an_owner_is_called_no_longer_than_an_object_may_be() -> None:
    owner = {"kind": "K" * 600, "name": "n" * 600, "uid": "u", "controller": True}
    pod = json.loads(_pod())
    pod["metadata"]["ownerReferences"] = [owner]
    found = read_pod(json.dumps(pod).encode()).owner
    assert found is not None
    assert (found.kind, found.name) == ("K" * 63, "n" * 253)
