"""The guard of namespaces' labels: which keys, whose, and what it says. e2e has it at work."""

from itertools import permutations

import pytest

from revet.core.model.meta import Manifest, Owner
from revet.core.plan import differs
from revet.core.render.guard import guarded_keys, guards, selector_keys
from revet.core.widening import widens
from tests.support.policy_builder import build_policy, named, override
from tests.support.server import store

OWNER = Owner("rbac.authorization.k8s.io/v1", "ClusterRole", "revet-operator", "4f")


@pytest.mark.parametrize(
    ("selector", "overrides", "keys"),
    [
        ({}, [], set()),
        ({"matchLabels": {"tier": "prod"}}, [], {"tier"}),
        # Nobody can change a namespace's name.
        (named("shop"), [], set()),
        (
            {
                "matchLabels": {"tier": "prod", "kubernetes.io/metadata.name": "a"},
                "matchExpressions": [{"key": "example.com/out", "operator": "DoesNotExist"}],
            },
            [override("Enforce", team="a"), override("Enforce", tier="x", stage="b")],
            {"tier", "example.com/out", "team", "stage"},
        ),
    ],
)
def test_the_keys_are_those_that_a_policy_selects_by(
    selector: dict[str, object], overrides: list[object], keys: set[str]
) -> None:
    policy = build_policy(selector=selector, enforcementOverrides=overrides)
    assert selector_keys(policy.spec) == keys


@pytest.mark.parametrize("keys", [[], ["tier"], ["example.com/team", "tier", "x_y.z"]])
def test_a_guard_tells_what_it_guards(keys: list[str]) -> None:
    assert guarded_keys(guards(keys)[0]) == set(keys)


def test_the_order_of_keys_does_not_matter() -> None:
    keys = ("b", "a", "example.com/c")
    assert all(guards(each, OWNER) == guards(keys, OWNER) for each in permutations(keys))
    assert guards(["a", "a"], OWNER) == guards(["a"], OWNER)


def _differing(ours: list[Manifest], live: list[Manifest]) -> list[str]:
    """Name the kinds that are not as desired."""
    pairs = zip(ours, live, strict=True)
    return [one["kind"] for one, other in pairs if differs(one, other) is not None]


def test_an_applied_guard_differs_nowhere_and_any_edit_is_undone_at_once() -> None:
    for keys in ([], ["tier"], ["tier", "team"]):
        live = [store(each) for each in guards(keys, OWNER)]
        assert _differing(guards(keys, OWNER), live) == []
    policy, binding = (store(each) for each in guards(["tier"], OWNER))
    policy["spec"]["matchConditions"] = [{"name": "pass", "expression": "false"}]
    binding["spec"]["validationActions"] = ["Audit"]
    ours = guards(["tier"], OWNER)
    assert _differing(ours, [policy, binding]) == [each["kind"] for each in ours]
    assert widens(ours[0], policy)
    assert widens(ours[1], binding)


def test_another_key_is_another_guard() -> None:
    live = [store(each) for each in guards(["tier"], OWNER)]
    assert _differing(guards(["tier", "team"], OWNER), live) == ["ValidatingAdmissionPolicy"]


def test_it_fails_closed_and_has_its_owner() -> None:
    policy, binding = guards(["tier"], OWNER)
    assert policy["spec"]["failurePolicy"] == "Fail"
    assert binding["spec"]["validationActions"] == ["Deny"]
    assert binding["spec"]["policyName"] == policy["metadata"]["name"]
    for manifest in (policy, binding):
        assert manifest["metadata"]["ownerReferences"] == [OWNER.reference]


def test_break_glass_is_refused_even_where_a_policy_selects_by_it() -> None:
    assert guards(["revet.dev/break-glass"], OWNER) == guards([], OWNER)
    for keys in ([], ["tier"]):
        validations = guards(keys, OWNER)[0]["spec"]["validations"]
        assert len(validations) == 2 + len(keys)
        assert "revet.dev/break-glass" in validations[-2]["message"]
        assert "revet.dev/pod-security-before" in validations[-1]["message"]
