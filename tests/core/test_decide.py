"""From findings to an answer: modes, ceilings, templates, several policies."""

from itertools import product
from typing import Any

import pytest

from revet.core.compiled_policy import CompiledPolicy, apply
from revet.core.decide import Decision, decide
from revet.core.engine import evaluate
from revet.core.model.mode import Mode
from tests.support.check_files import read_manifest
from tests.support.policy_builder import compile_policy

Manifest = dict[str, Any]
SPEC: Manifest = {"containers": [{"name": "app"}], "hostPID": True}
POD: Manifest = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "web", "labels": {"app": "web"}},
    "spec": SPEC,
}
JOB: Manifest = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"name": "web"},
    "spec": {"template": {"metadata": {"labels": {"app": "web"}}, "spec": SPEC}},
}


def _decide(
    *policies: CompiledPolicy, manifest: Manifest = POD, at_most: Mode = Mode.ENFORCE
) -> Decision:
    subject = read_manifest(manifest)
    applied = apply(policies, "shop", {"tier": "prod"}, frozenset())
    return decide(subject.pod(), applied, is_pod=subject.is_pod, at_most=at_most)


def _mode_of(decision: Decision, control: str = "host-namespaces") -> Mode | None:
    modes = [each.mode for each in decision.verdicts if each.finding.control == control]
    return modes[0] if modes else None


MODES = ("Disabled", "Audit", "Warn", "Enforce")


@pytest.mark.parametrize(
    ("mode", "enforcement", "templates", "manifest"),
    [*product(MODES, MODES[1:], MODES[2:], (POD, JOB))],
    ids=lambda value: value if isinstance(value, str) else value["kind"],
)
def test_a_verdict_is_the_mildest_of_mode_ceiling_and_templates(
    mode: str, enforcement: str, templates: str, manifest: Manifest
) -> None:
    policy = compile_policy(
        enforcement=enforcement,
        templates=templates,
        controls=[{"id": "host-namespaces", "mode": mode}],
    )
    limits = [mode, enforcement, *([templates] if manifest is JOB else [])]
    expected = min(limits, key=MODES.index)
    found = _mode_of(_decide(policy, manifest=manifest))
    assert found is (None if expected == "Disabled" else Mode(expected))


@pytest.mark.parametrize("at_most", [Mode.AUDIT, Mode.WARN, Mode.ENFORCE])
def test_the_place_that_asks_has_a_ceiling_too(at_most: Mode) -> None:
    policy = compile_policy(enforcement="Enforce")
    assert _mode_of(_decide(policy, at_most=at_most)) is at_most


@pytest.mark.parametrize(
    ("enforcements", "allowed"),
    [
        (["Audit"], True),
        (["Warn", "Audit"], True),
        (["Audit", "Enforce"], False),
        (["Enforce", "Warn"], False),
        (["Enforce", "Enforce"], False),
        ([], True),
    ],
)
def test_any_policy_that_refuses_refuses(enforcements: list[str], allowed: bool) -> None:  # noqa: FBT001 -- a column
    policies = [
        compile_policy(f"p{number}", enforcement=each) for number, each in enumerate(enforcements)
    ]
    decision = _decide(*policies)
    assert decision.allowed is allowed
    # Every policy's verdict is there, whoever refuses.
    for number, each in enumerate(enforcements):
        modes = {v.mode for v in decision.verdicts if v.applied.policy.name == f"p{number}"}
        assert modes == {Mode(each)}


def test_policies_judge_each_by_its_own_version_and_profile() -> None:
    old = compile_policy("old", standardVersion="v1.7", enforcement="Enforce")
    mild = compile_policy("mild", profile="baseline", enforcement="Enforce")
    found = {
        (each.applied.policy.name, each.finding.control, each.mode)
        for each in _decide(old, mild).verdicts
    }
    assert found == {
        ("old", "host-namespaces", Mode.ENFORCE),
        ("old", "run-as-non-root", Mode.ENFORCE),
        ("mild", "host-namespaces", Mode.ENFORCE),
        ("mild", "no-privilege-escalation", Mode.WARN),
        ("mild", "run-as-non-root", Mode.AUDIT),
        ("mild", "seccomp-required", Mode.WARN),
        ("mild", "drop-all-capabilities", Mode.AUDIT),
    }


def test_verdicts_stand_in_the_order_of_policies_and_catalog() -> None:
    policies = [compile_policy(name, enforcement="Enforce") for name in ("b", "a")]
    verdicts = _decide(*policies).verdicts
    findings = evaluate(read_manifest(POD).pod(), policies[0].checks)
    expected = [(name, each.control) for name in ("a", "b") for each in findings]
    assert [(v.applied.policy.name, v.finding.control) for v in verdicts] == expected


@pytest.mark.parametrize("manifest", [POD, JOB], ids=["Pod", "template"])
def test_only_selected_pods_are_judged_by_their_own_labels(manifest: Manifest) -> None:
    web = compile_policy(podSelector={"matchLabels": {"app": "web"}}, enforcement="Enforce")
    other = compile_policy(podSelector={"matchLabels": {"app": "db"}}, enforcement="Enforce")
    assert not _decide(web, manifest=manifest).allowed
    assert _decide(other, manifest=manifest).verdicts == ()


def test_modes_are_ordered_by_what_they_lead_to() -> None:
    assert sorted(Mode, key=lambda mode: mode.rank) == sorted(Mode) == [Mode(m) for m in MODES]
    assert max(Mode.WARN, Mode.ENFORCE, Mode.AUDIT) is Mode.ENFORCE
    assert Mode.DISABLED < Mode.AUDIT <= Mode.AUDIT < Mode.WARN
    assert Mode.ENFORCE > Mode.WARN >= Mode.WARN
