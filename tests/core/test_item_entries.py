"""Objects without a pod: which calls a policy needs for them, and where it applies."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from revet.core.check import Check, Default
from revet.core.compiled_policy import CompiledPolicy, apply
from revet.core.kinds import BY_NAME, PODS, TEMPLATES
from revet.core.model.mode import Mode
from tests.support.own_checks import (
    CLUSTER_SCOPED,
    ITEMS,
    NAMESPACED,
    item_check,
    pod_check,
)
from tests.support.policy_builder import compile_policy, named, override

SYSTEM = frozenset({"kube-system", "revet-system"})
EVERYTHING = item_check("all-kinds", *ITEMS)
PODS_ONLY = pod_check("pods-only")
ENFORCE: Mapping[str, Any] = {"enforcement": "Enforce"}
PAYMENTS = override("Enforce", team="payments")

Shown = list[tuple[str, frozenset[str]]]


def _show(policy: CompiledPolicy) -> Shown:
    return [(entry.path.split("/")[1], entry.kinds) for _, entry in policy.entries]


TABLE: list[tuple[str, Sequence[Check], Mapping[str, Any], Shown]] = [
    # What has a namespace goes by a Fail entry where it may be refused, else by an Ignore one.
    ("enforced", [EVERYTHING], ENFORCE, [("validate", frozenset(NAMESPACED))]),
    ("audited", [EVERYTHING], {}, [("audit", frozenset(NAMESPACED))]),
    (
        "mode-below-enforce",
        [item_check("warns", *ITEMS, default=Default.WARN)],
        ENFORCE,
        [("audit", frozenset(NAMESPACED))],
    ),
    (
        "both-modes",
        [item_check("a", "Service"), item_check("b", "Role", default=Default.AUDIT)],
        ENFORCE,
        [("validate", frozenset({"Service"})), ("audit", frozenset({"Role"}))],
    ),
    ("disabled", [item_check("off", *ITEMS, default=Default.DISABLED)], ENFORCE, []),
    # What has none never goes by a Fail entry, and only by policies about all namespaces.
    (
        "everywhere",
        [EVERYTHING],
        {"selector": {}, **ENFORCE},
        [("validate", frozenset(NAMESPACED)), ("cluster", frozenset(CLUSTER_SCOPED))],
    ),
    (
        "everywhere-audited",
        [EVERYTHING],
        {"selector": {}},
        [("audit", frozenset(NAMESPACED)), ("cluster", frozenset(CLUSTER_SCOPED))],
    ),
    ("elsewhere", [item_check("c", *CLUSTER_SCOPED)], ENFORCE, []),
    # Beside pods: one path for all.
    (
        "with-pods",
        [PODS_ONLY, item_check("a", "Service")],
        ENFORCE,
        [("validate", PODS | {"Service"})],
    ),
    (
        "one-control-of-both",
        [pod_check("both", items=item_check("both", "Service").items)],
        {"templates": "Warn", **ENFORCE},
        [("validate", frozenset({"Pod", "Service"})), ("audit", TEMPLATES)],
    ),
    (
        "override",
        [EVERYTHING],
        {"enforcementOverrides": [PAYMENTS]},
        [("validate", frozenset(NAMESPACED)), ("audit", frozenset(NAMESPACED))],
    ),
    (
        "system-named",
        [item_check("a", "Service")],
        {"selector": named("kube-system"), **ENFORCE},
        [("validate", frozenset({"Service"})), ("audit", frozenset({"Service"}))],
    ),
    # What admission may still mend in a template is never refused there: no dead entry in its way.
    (
        "defaulted",
        [pod_check("late", defaulted=True)],
        ENFORCE,
        [("validate", frozenset({"Pod"})), ("audit", TEMPLATES)],
    ),
    (
        "defaulted-beside",
        [pod_check("l", defaulted=True), PODS_ONLY],
        ENFORCE,
        [("validate", PODS)],
    ),
]


@pytest.mark.parametrize(
    ("catalog", "spec", "expected"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
def test_a_policy_has_these_entries(
    catalog: Sequence[Check], spec: Mapping[str, Any], expected: Shown
) -> None:
    assert _show(compile_policy(catalog=catalog, **spec)) == expected


def test_no_entry_that_may_hold_up_the_api_server_takes_a_kind_without_a_namespace() -> None:
    for selector in ({}, {"matchLabels": {"tier": "prod"}}, named("shop")):
        policy = compile_policy(
            selector=selector, catalog=[EVERYTHING], enforcementOverrides=[PAYMENTS], **ENFORCE
        )
        for _, entry in policy.entries:
            mixed = {BY_NAME[kind].is_namespaced for kind in entry.kinds}
            assert len(mixed) == 1
            assert not entry.fail or mixed == {True}
            assert entry.is_cluster_scoped is (mixed == {False})


LABELS: list[dict[str, str]] = [{}, {"tier": "prod"}, {"tier": "prod", "team": "payments"}]


@pytest.mark.parametrize("enforcement", ["Audit", "Warn", "Enforce"])
def test_only_a_policy_about_all_namespaces_is_about_none(enforcement: str) -> None:
    everywhere = compile_policy("a", {}, catalog=[EVERYTHING], enforcement=enforcement)
    some = compile_policy("b", catalog=[EVERYTHING], enforcement="Enforce")
    here = compile_policy("c", named("shop"), catalog=[EVERYTHING], enforcement="Enforce")
    path = next(entry.path for _, entry in everywhere.entries if entry.is_cluster_scoped)
    (applied,) = apply([some, here, everywhere], "", {}, SYSTEM, path)
    assert applied.policy.name == "a"
    assert applied.ceiling is Mode(enforcement)
    assert [applied.counted_by(kind) for kind in CLUSTER_SCOPED] == [path] * len(CLUSTER_SCOPED)


@pytest.mark.parametrize("kind", NAMESPACED)
@pytest.mark.parametrize("selector", [{}, {"matchLabels": {"tier": "prod"}}])
def test_a_finding_is_counted_by_a_fail_entry_where_there_is_one(
    kind: str, selector: Mapping[str, object]
) -> None:
    policy = compile_policy(
        selector=selector, catalog=[EVERYTHING], enforcementOverrides=[PAYMENTS]
    )
    (_, fail), (_, ignore), *_ = policy.entries
    for labels, counter in zip(LABELS[1:], (ignore, fail), strict=True):
        (applied,) = apply([policy], "shop", labels, SYSTEM, ignore.path)
        assert applied.counted_by(kind) == counter.path
        assert applied.counted_by("ClusterRole") is None


def test_a_kind_that_no_control_judges_is_counted_by_nobody() -> None:
    policy = compile_policy(catalog=[item_check("a", "Service")], **ENFORCE)
    (applied,) = apply([policy], "shop", {"tier": "prod"}, SYSTEM)
    assert applied.counted_by("Service") is not None
    assert applied.counted_by("Role") is None
