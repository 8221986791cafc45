"""The audit's counts: by workload, whatever the order, and honest about what patches would mend."""

import json
from itertools import permutations
from typing import Any

import pytest

from revet.core.audit import Tally, inspect, note
from revet.core.compiled_policy import CompiledPolicy, apply
from revet.core.model.mode import Mode
from revet.core.model.policy_status import Counts, TopFinding
from revet.core.workload import read
from tests.support.policy_builder import compile_policy

PROD = {"tier": "prod"}
GOOD: dict[str, Any] = {
    "allowPrivilegeEscalation": False,
    "runAsNonRoot": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
PRIVILEGED = {**GOOD, "allowPrivilegeEscalation": True, "privileged": True}
BASELINE = compile_policy("baseline", profile="baseline")
RESTRICTED = compile_policy("restricted")


def _pod(
    name: str = "web-1",
    security: object = None,
    owner: str = "",
    namespace: str = "shop",
    **metadata: object,
) -> dict[str, Any]:
    container = {"name": "app", "image": "web", "securityContext": GOOD | dict(security or {})}  # type: ignore[call-overload] # any JSON
    if owner:
        kind, _, owned_by = owner.partition("/")
        reference = {"kind": kind, "name": owned_by, "uid": f"uid-{owned_by}", "controller": True}
        metadata["ownerReferences"] = [reference]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, **metadata},
        "spec": {"containers": [container]},
    }


def _tally(policies: list[CompiledPolicy], pods: list[dict[str, Any]]) -> dict[str, Tally]:
    """Audit as the operator does, in one pass for all policies."""
    tallies = {policy.name: Tally() for policy in policies}
    for pod in pods:
        document = json.dumps(pod).encode()
        subject = read("", "Pod", document)
        namespace = pod["metadata"]["namespace"]
        applied = apply(policies, namespace, PROD, frozenset())
        decision = inspect(subject, document, applied)
        for each in applied:
            record = note(each, subject, namespace, decision)
            if record is not None:
                tallies[each.policy.name].add(namespace, record)
    return tallies


def _count(policy: CompiledPolicy, *pods: dict[str, Any]) -> tuple[int, int, int]:
    counts = _tally([policy], list(pods))[policy.name].counts(3)
    assert counts.namespaces == 3
    return counts.workloads, counts.non_compliant, counts.would_be_denied


@pytest.mark.parametrize(
    ("policy", "pods", "workloads", "broken", "denied"),
    [
        (RESTRICTED, [], 0, 0, 0),
        (RESTRICTED, [_pod()], 1, 0, 0),
        (RESTRICTED, [_pod(security=PRIVILEGED)], 1, 1, 1),
        # All pods of a workload are one; one that is broken breaks it.
        (RESTRICTED, [_pod("a", owner="ReplicaSet/web"), _pod("b", owner="ReplicaSet/web")],
         1, 0, 0),
        (RESTRICTED,
         [_pod("a", owner="ReplicaSet/web"), _pod("b", PRIVILEGED, "ReplicaSet/web")], 1, 1, 1),
        (RESTRICTED, [_pod("a", owner="ReplicaSet/web"), _pod("a", owner="ReplicaSet/api")],
         2, 0, 0),
        (RESTRICTED, [_pod("a"), _pod("b"), _pod("a", namespace="bank")], 3, 0, 0),
        # In the profile baseline, running as root is counted and denied to nobody.
        (BASELINE, [_pod(security={"runAsNonRoot": False})], 1, 1, 0),
        (RESTRICTED, [_pod(security={"runAsNonRoot": False})], 1, 1, 1),
        # The ceiling, Audit, is not what is asked.
        (compile_policy(enforcement="Enforce"), [_pod(security=PRIVILEGED)], 1, 1, 1),
        (compile_policy(controls=[{"id": "privileged-containers", "mode": "Disabled"},
            {"id": "no-privilege-escalation", "mode": "Warn"}]),
         [_pod(security=PRIVILEGED)], 1, 1, 0),
        # Not set, it would be patched; set to the contrary, it would not.
        (RESTRICTED, [_pod(security={"allowPrivilegeEscalation": None})], 1, 1, 0),
        (RESTRICTED, [_pod(security={"allowPrivilegeEscalation": True})], 1, 1, 1),
        (compile_policy(controls=[{"id": "no-privilege-escalation", "patch": False}]),
         [_pod(security={"allowPrivilegeEscalation": None})], 1, 1, 1),
        (RESTRICTED, [_pod(security={"allowPrivilegeEscalation": None, "privileged": True})],
         1, 1, 1),
        # Other pods are none of the policy's.
        (compile_policy(podSelector={"matchLabels": {"app": "web"}}),
         [_pod(security=PRIVILEGED), _pod("b", labels={"app": "web"})], 1, 0, 0),
    ],
)  # fmt: skip
def test_workloads_are_counted(
    policy: CompiledPolicy, pods: list[dict[str, Any]], workloads: int, broken: int, denied: int
) -> None:
    assert _count(policy, *pods) == (workloads, broken, denied)
    assert _count(policy, *reversed(pods)) == (workloads, broken, denied)
    assert _count(policy, *pods, *pods) == (workloads, broken, denied)


def test_static_pods_are_reported_one_by_one_and_denied_never() -> None:
    mirror = {"kubernetes.io/config.mirror": "1f"}
    pods = [
        _pod(name, PRIVILEGED, "Node/worker", annotations=mirror) for name in ("etcd-a", "proxy-a")
    ]
    assert _count(RESTRICTED, *pods) == (2, 2, 0)
    # The annotation alone proves nothing, anybody may write it.
    assert _count(RESTRICTED, _pod("x", PRIVILEGED, annotations=mirror)) == (1, 1, 1)


def test_each_policy_has_its_own_counts() -> None:
    pods = [_pod(security={"runAsNonRoot": False})]
    tallies = _tally([BASELINE, RESTRICTED], pods)
    assert tallies["baseline"].counts(1) == Counts(namespaces=1, workloads=1, non_compliant=1)
    assert tallies["restricted"].counts(2) == Counts(
        namespaces=2, workloads=1, non_compliant=1, would_be_denied=1
    )


def test_the_decision_of_an_audit_keeps_the_modes_of_admission() -> None:
    document = json.dumps(_pod(security={"allowPrivilegeEscalation": None})).encode()
    policies = [compile_policy(enforcement="Warn")]
    applied = apply(policies, "shop", PROD, frozenset())
    (verdict,) = inspect(read("", "Pod", document), document, applied).verdicts
    assert (verdict.mode, verdict.spared, verdict.would_deny) == (Mode.WARN, True, False)


def test_top_findings_are_the_worst_in_any_order() -> None:
    pods = [
        _pod("root", {"runAsNonRoot": False}, "ReplicaSet/b"),
        _pod("privileged", PRIVILEGED, "DaemonSet/z"),
        _pod("again", PRIVILEGED, "DaemonSet/z"),
        _pod("lone", {"allowPrivilegeEscalation": None}, namespace="bank"),
    ]
    expected = [
        ("privileged-containers", "shop", "DaemonSet/z"),
        ("no-privilege-escalation", "shop", "DaemonSet/z"),
        ("run-as-non-root", "shop", "ReplicaSet/b"),
        # Would be patched: last, though its namespace comes first.
        ("no-privilege-escalation", "bank", "Pod/lone"),
    ]
    for order in permutations(pods):
        top = _tally([RESTRICTED], list(order))["restricted"].top()
        assert [(each.control, each.namespace, each.workload) for each in top] == expected
    assert top[0] == TopFinding(
        control="privileged-containers",
        namespace="shop",
        workload="DaemonSet/z",
        message=top[0].message,
    )
    assert "privileged" in top[0].message


def test_there_are_ten_top_findings_at_most() -> None:
    pods = [_pod(f"p{number:02}", {"runAsNonRoot": False}) for number in range(30)]
    pods.append(_pod("zz", PRIVILEGED))
    top = _tally([RESTRICTED], pods)["restricted"].top()
    assert [each.workload for each in top] == [
        *("Pod/zz", "Pod/zz"),
        *(f"Pod/p{number:02}" for number in range(8)),
    ]


def test_long_names_are_cut_to_what_a_status_takes() -> None:
    top = _tally([RESTRICTED], [_pod("n" * 253, PRIVILEGED)])["restricted"].top()
    assert len(top[0].workload) == 253
