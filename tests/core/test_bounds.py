"""ResourceQuotas and LimitRanges: how they are written, and when two of them say the same."""

from typing import Any, Final

import pytest

from revet.core.bounds import LIMITS, QUOTA, comparable, covers
from revet.core.plan import differs, find_extras
from revet.core.render.bounds import NAMES, bounds, quiets
from revet.core.widening import widens
from tests.support.manifests import Manifest
from tests.support.policy_builder import build_policy

HARD: Final = {"pods": 20, "requests.cpu": "0.5", "limits.memory": "2048Mi"}
ITEM: Final[Manifest] = {"type": "Container", "max": {"memory": "1Gi"}, "default": {"cpu": 1}}


def _made(**asked: object) -> dict[str, Manifest]:
    return bounds(build_policy(namespaces={"mode": "Enforce", **asked}), "shop")


@pytest.mark.parametrize(
    "asked",
    [
        None,
        {"resourceQuota": {"hard": {"pods": 1}}, "serviceAccounts": {"automountToken": False}},
        {"mode": "Enforce"},
        {"mode": "Enforce", "serviceAccounts": {}},
    ],
)
def test_what_is_not_asked_for_is_not_written(asked: dict[str, Any] | None) -> None:
    policy = build_policy() if asked is None else build_policy(namespaces=asked)
    assert bounds(policy, "shop") == {}
    assert not quiets(policy)


def test_they_say_what_the_policy_says_in_texts() -> None:
    hard = {"pods": 20, "limits.memory": "2048Mi"}
    made = _made(resourceQuota={"hard": hard}, limitRange={"limits": [ITEM]})
    assert list(made) == [QUOTA, LIMITS]
    assert made[QUOTA]["spec"] == {"hard": {"pods": "20", "limits.memory": "2048Mi"}}
    assert made[LIMITS]["spec"] == {"limits": [{**ITEM, "default": {"cpu": "1"}}]}
    for each, source in zip(made.values(), ("resourceQuota", "limitRange"), strict=True):
        metadata = each["metadata"]
        assert metadata["namespace"] == "shop"
        assert metadata["annotations"]["revet.dev/policy"] == "production"
        assert metadata["annotations"]["revet.dev/source"] == f"spec.namespaces.{source}"
        assert metadata["ownerReferences"][0]["uid"] == "uid-of-production"
        assert NAMES.fullmatch(metadata["name"])


def test_a_quota_with_other_scopes_is_another_one() -> None:
    selector = {"matchExpressions": [{"scopeName": "PriorityClass", "operator": "Exists"}]}
    specs: list[Manifest] = [{}, {"scopes": ["BestEffort"]}, {"scopeSelector": selector}]
    names = [_made(resourceQuota=each)[QUOTA]["metadata"]["name"] for each in specs]
    assert len(set(names)) == 3
    assert all(map(NAMES.fullmatch, names))
    assert (
        _made(resourceQuota={"hard": HARD | {"pods": 1}} | specs[1])[QUOTA]["metadata"]["name"]
        == (names[1])
    )


def _stored() -> Manifest:
    """Write a LimitRange as the API server stores ITEM."""
    item = {
        "type": "Container",
        "max": {"memory": "1Gi"},
        "default": {"cpu": "1", "memory": "1Gi"},
        "defaultRequest": {"cpu": "1", "memory": "1Gi"},
    }
    made = _made(limitRange={"limits": [ITEM]})[LIMITS]
    return {**made, "spec": {"limits": [item]}}


def test_what_is_stored_is_what_was_written() -> None:
    made = _made(resourceQuota={"hard": HARD}, limitRange={"limits": [ITEM]})
    hard = {"pods": "20", "requests.cpu": "500m", "limits.memory": "2Gi"}
    assert differs(made[QUOTA], {**made[QUOTA], "spec": {"hard": hard}}) is None
    assert differs(made[LIMITS], _stored()) is None
    edited = _stored()
    edited["spec"]["limits"][0]["defaultRequest"]["cpu"] = "2"
    assert differs(made[LIMITS], edited) == "spec.limits[0].defaultRequest.cpu"
    assert widens(made[LIMITS], edited)


def test_what_others_add_is_found() -> None:
    made = _made(resourceQuota={"hard": HARD})[QUOTA]
    live = {**made, "metadata": {"resourceVersion": "7"}, "spec": {"hard": HARD | {"a": "1"}}}
    test, removal = find_extras(made, live)
    assert test["value"] == "7"
    assert removal == {"op": "remove", "path": "/spec/hard/a"}


@pytest.mark.parametrize(
    ("theirs", "covered"),
    [
        ([{"hard": {"pods": "500", "limits.memory": "9Gi", "requests.cpu": "1"}}], True),
        ([{"hard": {"pods": "1"}}, {"hard": {"limits.memory": "1", "requests.cpu": "1"}}], True),
        ([{"hard": {"pods": "500"}}], False),
        ([{"hard": HARD, "scopes": ["BestEffort"]}], False),
        ([{}], False),
        ([], False),
    ],
)
def test_a_quota_that_bounds_as_much_counts(theirs: list[Manifest], *, covered: bool) -> None:
    assert covers(QUOTA, theirs, {"hard": HARD}) is covered


@pytest.mark.parametrize(
    ("theirs", "covered"),
    [
        (_stored()["spec"]["limits"], True),
        ([{**ITEM, "min": {"cpu": "1m"}}], True),
        ([{"type": "Container", "max": {"memory": "9Gi"}}], False),
        ([{**ITEM, "type": "Pod"}], False),
        ([{"type": "Container"}], False),
    ],
)
def test_limits_that_bound_as_much_count(theirs: list[Manifest], *, covered: bool) -> None:
    assert covers(LIMITS, [{"limits": theirs}], {"limits": [ITEM]}) is covered


def test_scopes_say_the_same_in_any_order() -> None:
    term = {"scopeName": "PriorityClass", "operator": "In"}
    one = {"scopes": ["A", "B"], "scopeSelector": {"matchExpressions": [term]}}
    other: Manifest = {
        "scopes": ["B", "A"],
        "scopeSelector": {"matchExpressions": [{**term, "values": []}]},
    }
    assert comparable(QUOTA, one) == comparable(QUOTA, other)
