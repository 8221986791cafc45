"""Who is put in quarantine, what is written, and what lets a pod out for good."""

import json
from copy import deepcopy
from datetime import UTC, datetime
from functools import reduce
from typing import Any, Final

import pytest

from revet.core.model.meta import QUARANTINED_ANNOTATION, RELEASED_ANNOTATION
from revet.core.model.policy_runtime import Action, Response, Severity, Source
from revet.core.network.openings import find_openings
from revet.core.runtime.findings import MOST_SUSPECTS, Finding, Findings, Suspect
from revet.core.runtime.quarantine import (
    Case,
    find_cases,
    is_settled,
    object_to,
    quarantine,
    read_note,
    release,
)
from tests.support.manifests import Manifest
from tests.support.rfc6902 import apply_patch as add_by_patch

LABEL: Final = "revet.dev/quarantine"
NOW: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)
AT: Final = NOW.timestamp() - 60


def _finding(*suspects: Suspect, **fields: Any) -> Finding:  # noqa: ANN401 -- as Finding's
    given: dict[str, Any] = {
        "policy": "uid-p",
        "policy_name": "p",
        "source": Source.FALCO,
        "rule": "Shell",
        "namespace": "shop",
        "kind": "Deployment",
        "workload": "web",
        "severity": Severity.CRITICAL,
        "suspects": suspects,
        **fields,
    }
    return Finding(**given)


def _suspect(name: str = "web-1", severity: Severity = Severity.HIGH, at: float = AT) -> Suspect:
    return Suspect(name, f"uid-{name}", severity, at)


def _response(**fields: Any) -> Response:  # noqa: ANN401 -- as Response's
    return Response(action=Action.QUARANTINE, **fields)


def _case(*suspects: Suspect, **fields: Any) -> Case:  # noqa: ANN401 -- as Response's
    [case] = find_cases(_finding(*(suspects or [_suspect()])), _response(**fields))
    return case


def _pod(name: str = "web-1", maker: str = "rs", **spec: object) -> Manifest:
    owners = [{"kind": "ReplicaSet", "name": maker, "uid": maker, "controller": True}]
    metadata: Manifest = {"name": name, "namespace": "shop", "uid": f"uid-{name}"}
    metadata["ownerReferences"] = owners if maker else []
    return {"metadata": metadata, "spec": spec, "status": {"phase": "Running"}}


def _held(pod: Manifest, case: Case) -> Manifest:
    """Have a pod as it is once it is in quarantine."""
    held = deepcopy(pod)
    written = quarantine(case, NOW)["metadata"]
    for key in ("labels", "annotations"):
        held["metadata"][key] = {**held["metadata"].get(key, {}), **written[key]}
    return held


def apply_patch(pod: Manifest, operations: list[Any]) -> Manifest:
    """Do as the API server: what is tested for must be so, what is removed must be there."""
    patched: Manifest = deepcopy(pod)
    for each in operations:
        *parents, last = (part.replace("~1", "/") for part in each["path"][1:].split("/"))
        place = reduce(lambda value, key: value[key], parents, patched)
        if each["op"] == "test":
            assert place[last] == each["value"]
        elif each["op"] == "remove":
            del place[last]
        else:
            patched = add_by_patch(patched, [each])
    return patched


def test_only_pods_of_who_was_proven_and_bad_enough_are_cases() -> None:
    found = _finding(
        _suspect("a", Severity.MEDIUM), _suspect("b"), _suspect("c", Severity.CRITICAL)
    )
    assert [each.suspect.pod for each in find_cases(found, _response())] == ["b", "c"]
    worst = _response(min_severity=Severity.CRITICAL)
    assert [each.suspect.pod for each in find_cases(found, worst)] == ["c"]
    assert not list(find_cases(_finding(), _response(min_severity=Severity.INFO)))


def test_the_same_finding_is_known_by_more_than_its_events() -> None:
    other = {"policy": "another uid", "severity": Severity.LOW, "process": "sh -i", "count": 9}
    signs = {
        next(find_cases(_finding(_suspect(), **fields), _response())).finding
        for fields in ({}, other)
    }
    assert len(signs) == 1
    more = [{"rule": "x"}, {"container": "x"}, {"executable": "x"}, {"policy_name": "x"}]
    for fields in more:
        [case] = find_cases(_finding(_suspect(), **fields), _response())
        assert case.finding not in signs


@pytest.mark.parametrize(
    ("pods", "fields", "held", "is_free"),
    [
        (1, {}, 0, True),
        (1, {}, 1, False),
        (30, {}, 0, True),
        (30, {}, 1, False),
        (30, {"max_pods": 5}, 2, True),
        (30, {"max_pods": 5}, 3, False),
        (31, {"max_pods": 5}, 3, True),
        (30, {"max_pods": 2, "max_percent": 100}, 1, True),
        (30, {"max_pods": 2, "max_percent": 100}, 2, False),
    ],
)
def test_limits_hold(pods: int, fields: dict[str, int], held: int, *, is_free: bool) -> None:
    case = _case(**fields)
    around = [_pod(f"web-{number}") for number in range(1, pods + 1)]
    # One of an older version counts among those held, though not among those that there are.
    gone = [_held(_pod(f"old-{number}", "older"), case) for number in range(held)]
    foreign = [_pod("db", "db"), _pod("lone", "")]
    why = object_to(case, _pod(), [*around, *gone, *foreign])
    assert (why == "") is is_free
    if not is_free:
        assert f"{held} of the pods of Deployment/web are in quarantine already" in why


def test_pods_of_other_workloads_do_not_count_but_unknown_ones_do() -> None:
    other = next(find_cases(_finding(_suspect("db-1"), workload="db"), _response()))
    assert object_to(_case(), _pod(), [_pod(), _held(_pod("db-1", "db"), other)]) == ""
    unknown = _pod("x", "x")
    unknown["metadata"]["labels"] = {LABEL: "by-hand"}
    assert object_to(_case(), _pod(), [_pod(), unknown])


def test_a_pod_on_the_host_network_is_told_and_left() -> None:
    assert "no NetworkPolicy holds" in object_to(_case(), _pod(hostNetwork=True), [_pod()])


def test_what_is_settled_is_not_done_again() -> None:
    case, pod = _case(), _pod()
    assert not is_settled(case, pod)
    another, going, ended = _pod(), _pod(), _pod()
    another["metadata"]["uid"] = "of another pod with this name"
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    ended["status"]["phase"] = "Succeeded"
    for each in (another, going, ended, _held(pod, case)):
        assert is_settled(case, each)


def test_what_is_written_says_why() -> None:
    written = quarantine(_case(), NOW)
    assert written["metadata"]["uid"] == "uid-web-1"
    assert set(written["metadata"]["labels"]) == {LABEL}
    note = read_note(_held(_pod(), _case()))
    assert note is not None
    assert (note.policy, note.workload) == ("p", "Deployment/web")
    assert note.because == "falco 'Shell', high"
    assert read_note(_pod()) is None
    spoilt = _pod()
    spoilt["metadata"] |= {"labels": {LABEL: "x"}, "annotations": {QUARANTINED_ANNOTATION: "{"}}
    assert read_note(spoilt) is None


@pytest.mark.parametrize("annotations", [None, {}, {"a": "b"}])
def test_a_release_holds_for_that_finding_and_for_all_before(
    annotations: dict[str, str] | None,
) -> None:
    case, pod = _case(), _pod()
    if annotations is not None:
        pod["metadata"]["annotations"] = annotations
    held = _held(pod, case)
    free = apply_patch(held, release(held, NOW))
    assert free["metadata"]["labels"] == {}
    assert QUARANTINED_ANNOTATION not in free["metadata"]["annotations"]
    assert is_settled(_case(_suspect(at=NOW.timestamp() + 3600)), free)
    [before] = find_cases(_finding(_suspect(), rule="Other"), _response())
    [after] = find_cases(_finding(_suspect(at=NOW.timestamp() + 1), rule="Other"), _response())
    assert is_settled(before, free)
    assert not is_settled(after, free)
    # Released a second time, it still knows the first.
    again = apply_patch(_held(free, after), release(_held(free, after), NOW))
    assert is_settled(_case(_suspect(at=NOW.timestamp() + 3600)), again)
    assert is_settled(after, again)


def test_a_label_without_annotations_can_be_taken_away() -> None:
    pod = _pod()
    pod["metadata"]["labels"] = {LABEL: "by-hand"}
    free = apply_patch(pod, release(pod, NOW))
    assert free["metadata"]["labels"] == {}
    assert free["metadata"]["annotations"][RELEASED_ANNOTATION].endswith("by-hand")


def test_a_release_that_cannot_be_read_forgives_nothing() -> None:
    pod = _pod()
    pod["metadata"]["annotations"] = {RELEASED_ANNOTATION: f"never {_case().finding}"}
    assert not is_settled(_case(), pod)


def test_a_finding_keeps_the_newest_of_each_of_a_few_pods() -> None:
    findings = Findings()
    for number in range(20):
        findings.add(_finding(_suspect(f"web-{number}", at=AT + number)))
        findings.add(_finding(_suspect("web-0", at=AT + number)))
        findings.add(_finding(_suspect("web-0", at=AT - number)))
    [kept] = findings.of("uid-p")
    assert len(kept.suspects) == MOST_SUSPECTS
    assert kept.suspects[-1] == _suspect("web-0", at=AT + 19)
    assert len({each.uid for each in kept.suspects}) == MOST_SUSPECTS


def _policy(name: str, spec: Manifest, **metadata: object) -> Manifest:
    return {"metadata": {"name": name, **metadata}, "spec": spec}


def test_openings_are_what_others_still_allow() -> None:
    web = {"matchLabels": {"app": "web"}}
    ours = {
        "labels": {"app.kubernetes.io/managed-by": "revet"},
        "ownerReferences": [{"apiVersion": "revet.dev/v1alpha1", "kind": "HardeningPolicy"}],
    }
    policies = [
        _policy("in", {"podSelector": web, "ingress": [{}]}),
        _policy("all", {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{}]}),
        _policy("deny", {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}),
        _policy("not-in-force", {"podSelector": {}, "policyTypes": ["Egress"], "ingress": [{}]}),
        _policy("other", {"podSelector": {"matchLabels": {"app": "db"}}, "ingress": [{}]}),
        _policy("ours", {"podSelector": {}, "ingress": [{}]}, **ours),
        _policy("odd", json.loads('{"podSelector": 5}')),
    ]
    assert find_openings({"app": "web", LABEL: "x"}, policies) == ["all", "in", "odd"]
