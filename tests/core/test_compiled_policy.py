"""Where a policy applies, how strictly, and which call counts what it finds."""

from collections.abc import Mapping
from itertools import product
from typing import Any

import pytest

from revet.core.compiled_policy import Applied, CompiledPolicy, apply
from revet.core.kinds import POD, PODS
from revet.core.model.mode import Mode
from tests.support.policy_builder import NAME_LABEL, compile_policy, named, override

SYSTEM = frozenset({"kube-system", "kube-public", "kube-node-lease", "revet-system"})
ENFORCE_PAYMENTS = [override("Enforce", team="payments")]


def _labels(namespace: str, **labels: str) -> dict[str, str]:
    return {NAME_LABEL: namespace, **labels}


def _ceiling(policy: CompiledPolicy, namespace: str = "shop", **labels: str) -> Mode | None:
    return policy.ceiling(namespace, _labels(namespace, **labels), SYSTEM)


@pytest.mark.parametrize("enforcement", ["Audit", "Warn", "Enforce"])
def test_the_ceiling_is_the_policys_enforcement(enforcement: str) -> None:
    policy = compile_policy(enforcement=enforcement)
    assert _ceiling(policy, tier="prod") is Mode(enforcement)
    assert _ceiling(policy, tier="dev") is None
    assert _ceiling(policy) is None


def test_an_override_raises_within_its_own_policy_only() -> None:
    policy = compile_policy(
        enforcementOverrides=[*ENFORCE_PAYMENTS, override("Warn", canary="true")]
    )
    assert _ceiling(policy, tier="prod") is Mode.AUDIT
    assert _ceiling(policy, tier="prod", canary="true") is Mode.WARN
    assert _ceiling(policy, tier="prod", team="payments", canary="true") is Mode.ENFORCE
    assert _ceiling(policy, team="payments") is None


@pytest.mark.parametrize("namespace", sorted(SYSTEM))
@pytest.mark.parametrize("enforcement", ["Audit", "Warn", "Enforce"])
def test_system_namespaces_are_outside_unless_named(namespace: str, enforcement: str) -> None:
    at_most_warn = min(Mode(enforcement), Mode.WARN)
    for selector in ({}, {"matchLabels": {"tier": "prod"}}, named("shop")):
        policy = compile_policy(selector=selector, enforcement=enforcement)
        assert _ceiling(policy, namespace, tier="prod") is None
    for selector in (named(namespace, "shop"), {"matchLabels": {NAME_LABEL: namespace}}):
        policy = compile_policy(selector=selector, enforcement=enforcement)
        assert _ceiling(policy, namespace) is at_most_warn
    policy = compile_policy(selector=named(namespace, "shop"), enforcement=enforcement)
    assert _ceiling(policy, "shop") is Mode(enforcement)


def test_an_override_does_not_refuse_in_a_system_namespace() -> None:
    policy = compile_policy(
        selector=named("kube-system"), enforcementOverrides=[override("Enforce", a="b")]
    )
    assert _ceiling(policy, "kube-system", a="b") is Mode.WARN


def _apply(
    *policies: CompiledPolicy, namespace: str = "shop", path: str = "", **labels: str
) -> tuple[Applied, ...]:
    return apply(policies, namespace, _labels(namespace, **labels), SYSTEM, path)


def test_policies_apply_by_name() -> None:
    policies = [compile_policy(name) for name in ("b", "c", "a")]
    policies.append(compile_policy("elsewhere", {"matchLabels": {"tier": "dev"}}))
    assert [each.policy.name for each in _apply(*policies, tier="prod")] == ["a", "b", "c"]


def test_a_call_proves_what_labels_in_memory_do_not_show_yet() -> None:
    policy = compile_policy(enforcement="Enforce")
    ((_, entry),) = policy.entries
    assert _apply(policy) == ()
    (applied,) = _apply(policy, path=entry.path)
    assert applied.ceiling is Mode.ENFORCE
    assert {applied.counted_by(kind) for kind in PODS} == {entry.path}
    assert _apply(policy, path="/validate/000000000000") == ()


def test_a_call_of_an_overrides_entry_proves_its_ceiling() -> None:
    policy = compile_policy(enforcementOverrides=ENFORCE_PAYMENTS)
    (_, fail), (_, ignore) = policy.entries
    (applied,) = _apply(policy, tier="prod", path=fail.path)
    assert applied.ceiling is Mode.ENFORCE
    (applied,) = _apply(policy, path=ignore.path)
    assert applied.ceiling is Mode.AUDIT
    (applied,) = _apply(policy, path=ignore.path, tier="prod", team="payments")
    assert applied.ceiling is Mode.ENFORCE


def test_a_call_that_cannot_refuse_proves_no_more_than_a_warning() -> None:
    policy = compile_policy(enforcement="Enforce", templates="Warn", selector=named("kube-system"))
    for _, entry in policy.entries:
        if not entry.fail:
            (applied,) = _apply(policy, namespace="kube-system", path=entry.path)
            assert applied.ceiling is Mode.WARN


def test_a_call_proves_nothing_of_other_policies() -> None:
    one = compile_policy("one", enforcement="Enforce")
    other = compile_policy("other", {"matchLabels": {"tier": "dev"}}, enforcement="Enforce")
    ((_, entry),) = one.entries
    assert [each.policy.name for each in _apply(one, other, path=entry.path)] == ["one"]


def _called(
    policy: CompiledPolicy, namespace: str, labels: Mapping[str, str], kind: str
) -> list[str]:
    """Return the paths that the API server would call, Fail ones first, as it is configured."""
    is_system = namespace in SYSTEM
    return [
        entry.path
        for matches, entry in policy.entries
        if matches(labels)
        and kind in entry.kinds
        and not (is_system and (entry.fail or namespace not in policy.named))
        and not (entry.system_only and not is_system)
    ]


SPECS: list[dict[str, Any]] = [
    {"enforcement": enforcement, "templates": templates, "enforcementOverrides": overrides}
    for enforcement, templates, overrides in product(
        ("Audit", "Enforce"),
        ("Warn", "Enforce"),
        ([], ENFORCE_PAYMENTS, [*ENFORCE_PAYMENTS, override("Enforce", canary="true")]),
    )
]
SELECTORS: list[Mapping[str, object]] = [
    {},
    {"matchLabels": {"tier": "prod"}},
    named("kube-system", "shop"),
]


@pytest.mark.parametrize("kind", [POD, "Deployment"])
@pytest.mark.parametrize("selector", SELECTORS)
@pytest.mark.parametrize("spec", SPECS)
def test_exactly_one_of_the_calls_counts_and_a_fail_one_first(
    spec: Mapping[str, Any], selector: Mapping[str, object], kind: str
) -> None:
    policy = compile_policy(selector=selector, **spec)
    for namespace, labels in product(
        ("shop", "kube-system"),
        ({}, {"tier": "prod"}, {"tier": "prod", "team": "payments", "canary": "true"}),
    ):
        seen = _labels(namespace, **labels)
        called = _called(policy, namespace, seen, kind)
        applies = policy.ceiling(namespace, seen, SYSTEM) is not None
        assert bool(called) == applies
        for path in called:
            (applied,) = apply([policy], namespace, seen, SYSTEM, path)
            counter = applied.counted_by(kind)
            assert counter in called
            assert counter == min(called, key=lambda each: (each.startswith("/audit/"), each))
