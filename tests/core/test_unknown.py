"""What a control could not judge for want of another object: no pass, and no finding either."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from revet.core.admission import Request, judge, read_object
from revet.core.audit import Tally, inspect, note
from revet.core.check import Outcome
from revet.core.checks import ALL, BY_ID
from revet.core.compiled_policy import Applied, CompiledPolicy
from revet.core.engine import Change, select_profile
from revet.core.kinds import BY_NAME
from revet.core.message import denial, warnings
from revet.core.model.catalog import CONTROLS
from revet.core.model.mode import Mode
from revet.core.model.policy_status import Counts
from revet.core.model.settings import Settings
from revet.core.model.version import LATEST
from revet.core.neighbours import NEIGHBOURS, Neighbours
from revet.core.surroundings import UNSEEN, Surroundings
from tests.support.manifests import Manifest, pod, workload
from tests.support.policy_builder import compile_policy

CONTROL = "automount-sa-token"
NEEDS = "not checked: needs ServiceAccount shop/default"
EMPTY = Neighbours(lambda _: True)


def _policy(*controls: str, mode: str = "Enforce", **spec: object) -> CompiledPolicy:
    off = [{"id": each, "mode": "Disabled"} for each in CONTROLS if each not in controls]
    on = [{"id": each, "mode": mode} for each in controls]
    given = {"enforcement": "Enforce", **spec}
    return compile_policy(selector={}, controls=[*on, *off], catalog=ALL, **given)  # type: ignore[arg-type] # fields of the spec


def _put(manifest: Manifest, namespace: str = "shop") -> Manifest:
    return manifest | {"metadata": {**manifest["metadata"], "namespace": namespace}}


def _request(manifest: Manifest, around: Surroundings) -> Request:
    data = json.dumps(manifest).encode()
    group = manifest["apiVersion"].rpartition("/")[0]
    return Request(read_object(group, manifest["kind"], data), None, data, around=around)


@pytest.mark.parametrize(
    ("subject", "mode", "stands"),
    [
        (pod(), "Enforce", Mode.ENFORCE),
        (pod(), "Warn", Mode.WARN),
        (pod(), "Audit", Mode.AUDIT),
        # What a template needs may come before its first pod does.
        (workload("Deployment"), "Enforce", Mode.WARN),
        (workload("CronJob"), "Enforce", Mode.WARN),
        (workload("Deployment"), "Audit", Mode.AUDIT),
    ],
)
@pytest.mark.parametrize("control", [CONTROL, "netpol-pod-coverage"])
def test_at_admission_unknown_has_the_controls_mode(
    subject: Manifest, mode: str, stands: Mode, control: str
) -> None:
    applied = [Applied(_policy(control, mode=mode), Mode.ENFORCE, ())]
    decision = judge(_request(_put(subject), UNSEEN), applied)
    (verdict,) = decision.verdicts
    assert verdict.is_unknown
    assert (verdict.finding.outcome, verdict.mode) == (Outcome.UNKNOWN, stands)
    assert verdict.would_deny is False
    assert decision.allowed is (stands is not Mode.ENFORCE)


def test_a_template_is_not_refused_for_what_is_unknown_whoever_asks() -> None:
    policy = _policy("netpol-pod-coverage")
    coverage = replace(BY_ID["netpol-pod-coverage"], defaulted=False)
    checks = select_profile([coverage], "high", LATEST, {})
    changed = replace(policy, template_modes={each.id: Mode.ENFORCE for each in checks})
    request = _request(_put(workload("Deployment")), UNSEEN)
    assert judge(request, [Applied(changed, Mode.ENFORCE, ())]).allowed


def test_people_read_what_is_needed() -> None:
    request = _request(_put(pod()), UNSEEN)
    decision = judge(request, [Applied(_policy(CONTROL), Mode.ENFORCE, ())])
    assert f"  {CONTROL}  spec: {NEEDS}\n" in denial(request.subject, "shop", decision)
    decision = judge(request, [Applied(_policy(CONTROL, mode="Warn"), Mode.ENFORCE, ())])
    assert warnings(request.subject, decision) == [f"{CONTROL} (production): spec: {NEEDS}"]


CLUSTER_BINDING: Manifest = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "ClusterRoleBinding",
    "metadata": {"name": "ops"},
    "roleRef": {"kind": "ClusterRole", "name": "ops"},
    "subjects": [{"kind": "User", "name": "jane"}],
}


@pytest.mark.parametrize(
    ("role", "around", "found"),
    [
        ("ops", UNSEEN, "not checked: needs ClusterRole ops"),
        ("ops", EMPTY, ""),
        ("view", UNSEEN, ""),
        ("system:auth-delegator", UNSEEN, ""),
    ],
)
def test_a_binding_needs_its_role(role: str, around: Surroundings, found: str) -> None:
    binding = CLUSTER_BINDING | {"roleRef": {"kind": "ClusterRole", "name": role}}
    applied = [Applied(_policy("rbac-cluster-admin"), Mode.ENFORCE, ())]
    decision = judge(_request(binding, around), applied)
    assert [each.finding.message for each in decision.verdicts] == [found][: bool(found)]


NAMESPACE: Manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
STANDING = [check.id for check in ALL if check.standing]


def test_what_judges_no_request_speaks_in_the_audit_and_denies_nothing() -> None:
    assert len(STANDING) == 4
    applied = [Applied(_policy(*STANDING), Mode.ENFORCE, ())]
    request = _request(NAMESPACE, EMPTY)
    assert judge(request, applied).verdicts == ()
    decision = inspect(request.subject, b"", applied, EMPTY)
    assert [each.finding.control for each in decision.verdicts] == STANDING
    assert not any(each.would_deny for each in decision.verdicts)
    unknown = inspect(request.subject, b"", applied)
    assert all(each.is_unknown for each in unknown.verdicts)
    assert len(unknown.verdicts) == 4


def test_no_entry_is_made_for_what_judges_no_request() -> None:
    assert _policy(*STANDING).entries == ()


def _count(manifest: Manifest, policy: CompiledPolicy, around: Surroundings) -> Counts:
    data = json.dumps(manifest).encode()
    group = manifest["apiVersion"].rpartition("/")[0]
    subject = read_object(group, manifest["kind"], data)
    applied = Applied(policy, Mode.ENFORCE, ())
    tally = Tally()
    record = note(applied, subject, "shop", inspect(subject, data, [applied], around))
    assert record is not None
    tally.add("shop", record)
    assert bool(tally.top()) is bool(tally.counts(1).non_compliant)
    return tally.counts(1)


@pytest.mark.parametrize(
    ("manifest", "controls", "around", "broken", "unknown"),
    [
        (pod(), [CONTROL], UNSEEN, 0, 1),
        (pod(automountServiceAccountToken=True), [CONTROL], EMPTY, 1, 0),
        (pod(automountServiceAccountToken=False), [CONTROL], UNSEEN, 0, 0),
        (pod(hostPID=True), [CONTROL, "host-namespaces"], UNSEEN, 1, 1),
        (NAMESPACE, ["limit-range"], EMPTY, 1, 0),
        (NAMESPACE, ["limit-range"], UNSEEN, 0, 1),
        (CLUSTER_BINDING, ["rbac-cluster-admin"], UNSEEN, 0, 1),
        (CLUSTER_BINDING, ["rbac-cluster-admin"], EMPTY, 0, 0),
    ],
)
def test_the_audit_counts_it_apart(
    manifest: Manifest, controls: list[str], around: Surroundings, broken: int, unknown: int
) -> None:
    put = _put(manifest) if BY_NAME[manifest["kind"]].is_namespaced else manifest
    counts = _count(put, _policy(*controls), around)
    workloads = int(BY_NAME[manifest["kind"]].holds_pod)
    found = (counts.workloads, counts.non_compliant, counts.not_checked)
    assert found == (workloads, broken, unknown)


@pytest.mark.parametrize(
    ("controls", "mode", "needs", "refusing", "all_needs"),
    [
        ([CONTROL], "Enforce", "account bindings", "account bindings", "account bindings"),
        ([CONTROL], "Warn", "account bindings", "", "account bindings"),
        (["limit-range"], "Enforce", "", "", "LimitRange"),
        (["host-namespaces"], "Enforce", "", "", ""),
    ],
)
def test_a_policy_needs_what_its_controls_need(
    controls: list[str], mode: str, needs: str, refusing: str, all_needs: str
) -> None:
    words: Mapping[str, Any] = {
        "account": {"ServiceAccount"},
        "bindings": {"RoleBinding", "ClusterRoleBinding"},
    }

    def kinds(text: str) -> set[str]:
        return set[str]().union(*(words.get(each, {each}) for each in text.split()))

    policy = _policy(*controls, mode=mode)
    assert policy.needs == kinds(needs)
    assert policy.refusing_needs == kinds(refusing)
    assert policy.all_needs == kinds(all_needs) <= NEIGHBOURS.keys()


@pytest.mark.parametrize(
    ("profile", "level", "allow", "is_found"),
    [
        ("baseline", "baseline", (), False),
        ("baseline", "restricted", (), False),
        ("baseline", "privileged", (), True),
        ("baseline", None, (), True),
        ("restricted", "baseline", (), True),
        ("restricted", "baseline", ("baseline",), False),
        ("restricted", "privileged", ("baseline",), True),
        ("high", "baseline", (), True),
        ("high", "restricted", (), False),
        ("high", "Restricted", (), True),
    ],
)
def test_the_level_is_the_profiles(
    profile: str, level: str | None, allow: tuple[str, ...], *, is_found: bool
) -> None:
    labels = {} if level is None else {"pod-security.kubernetes.io/enforce": level}
    manifest = NAMESPACE | {"metadata": {"name": "shop", "labels": labels}}
    item = read_object("", "Namespace", json.dumps(manifest).encode())
    change = Change(settings=Settings(allow=frozenset(allow)))
    (active,) = select_profile([BY_ID["psa-labels"]], profile, LATEST, {"psa-labels": change})
    ((_, rule),) = active.items
    assert bool(list(rule(item))) is is_found  # type: ignore[arg-type] # a Namespace is an Item
