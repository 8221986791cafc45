"""A policy goes before its entry does: calls of that entry are judged by what is left."""

import json

from revet.webhook.policies import Knowledge
from tests.webhook.harness import Clock


def _policy(name: str, **changes: object) -> bytes:
    selector = {"matchLabels": {"tier": "prod"}}
    spec = {
        "namespaceSelector": selector,
        "profile": "restricted",
        "enforcement": "Enforce",
        **changes,
    }
    return json.dumps(
        {
            "apiVersion": "revet.dev/v1alpha1",
            "kind": "HardeningPolicy",
            "metadata": {"name": name, "generation": 1},
            "spec": spec,
        }
    ).encode()


def _knowledge(*policies: bytes, clock: Clock | None = None) -> Knowledge:
    knowledge = Knowledge(frozenset(), print, clock or Clock())
    namespace = {"metadata": {"name": "prod", "labels": {"tier": "prod"}}}
    knowledge.namespaces.replace([json.dumps(namespace).encode()])
    knowledge.policies.replace(policies)
    return knowledge


def _path(knowledge: Knowledge, name: str) -> str:
    return knowledge.policies.compiled[name].entries[0][1].path


async def _names(knowledge: Knowledge, path: str) -> list[str] | None:
    applied = await knowledge.applied(path, "prod", deadline=0)
    return None if applied is None else [each.policy.name for each in applied]


async def test_a_deleted_policy_denies_nothing_through_its_entry() -> None:
    knowledge = _knowledge(_policy("one"))
    path = _path(knowledge, "one")
    knowledge.policies.drop(_policy("one"))
    assert await _names(knowledge, path) == []


async def test_the_policies_that_are_left_go_on_judging() -> None:
    other = {"namespaceSelector": {"matchExpressions": [{"key": "tier", "operator": "Exists"}]}}
    knowledge = _knowledge(_policy("one"), _policy("two", **other))
    path = _path(knowledge, "one")
    knowledge.policies.replace([_policy("two", **other)])
    assert await _names(knowledge, path) == ["two"]


async def test_an_entry_of_an_older_selector_is_known_still() -> None:
    knowledge = _knowledge(_policy("one"))
    path = _path(knowledge, "one")
    moved = _policy("one", namespaceSelector={"matchLabels": {"tier": "test"}})
    knowledge.policies.put(moved)
    assert _path(knowledge, "one") != path
    assert await _names(knowledge, path) == []


async def test_a_policy_that_comes_back_judges_again() -> None:
    knowledge = _knowledge(_policy("one"))
    path = _path(knowledge, "one")
    knowledge.policies.drop(_policy("one"))
    knowledge.policies.put(_policy("one"))
    assert await _names(knowledge, path) == ["one"]


async def test_an_entry_that_no_policy_ever_had_is_unknown() -> None:
    assert await _names(_knowledge(_policy("one")), "/validate/0123456789ab") is None


async def test_half_a_minute_later_the_entry_is_unknown_again() -> None:
    clock = Clock()
    knowledge = _knowledge(_policy("one"), clock=clock)
    path = _path(knowledge, "one")
    knowledge.policies.drop(_policy("one"))
    assert await _names(knowledge, path) == []
    clock.now += 31
    assert await _names(knowledge, path) is None


async def test_no_other_change_prolongs_it() -> None:
    clock = Clock()
    knowledge = _knowledge(_policy("one"), clock=clock)
    path = _path(knowledge, "one")
    knowledge.policies.drop(_policy("one"))
    clock.now += 20
    knowledge.policies.put(_policy("two", namespaceSelector={"matchLabels": {"tier": "test"}}))
    clock.now += 11
    assert await _names(knowledge, path) is None
