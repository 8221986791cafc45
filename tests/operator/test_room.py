"""What there is no room for is left out, and told; what stands, and what others need, stays."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from revet.adapters.kube import KubeError
from revet.core.compiled_policy import CompiledPolicy
from revet.core.errors import PolicyError
from revet.core.model.meta import Manifest
from revet.core.model.policy import MOST_SELECTED_BY, parse_policy
from revet.core.render.guard import guarded_keys, guards
from revet.core.render.webhook import Backend, webhook_configurations
from revet.operator import room
from revet.operator.context import Context
from revet.operator.entries import Entries
from revet.operator.picture import PolicySeen
from revet.operator.room import find_crowded, find_crowded_keys, without
from revet.operator.standing import KINDS, MUTATING, VALIDATING
from revet.operator.writer import Writer
from tests.operator.test_entries import Owned
from tests.support.manifests import policy

GUARD = ("ValidatingAdmissionPolicy", "", "revet-namespace-labels")


class Picky(Owned):
    """Objects that are only remembered; of one kind each is refused."""

    def __init__(self, refused: str = "") -> None:
        super().__init__()
        self.refused = refused

    async def apply(self, manifest: Manifest, subresource: str = "") -> Manifest:
        """Answer as the writer's tests have it, or refuse."""
        if manifest["kind"] == self.refused:
            raise KubeError(f"{self.refused}: the request is too large", 413)
        return await super().apply(manifest, subresource)


def _entries(context: Context, objects: Picky, *tolerated: str) -> Entries:
    settings = replace(context.settings, tolerated_keys=frozenset(tolerated))
    writer = Writer(objects, context.picture, frozenset(tolerated), lambda: 0, context.queue.add)
    return Entries(replace(context, objects=objects, writer=writer, settings=settings))


def _see(context: Context, name: str, version: int = 1, **spec: object) -> PolicySeen:
    manifest = policy(name, {name: "yes"}, **spec)
    manifest["metadata"] |= {"uid": name, "generation": version, "resourceVersion": f"{version}"}
    context.picture.see_policy(manifest, gone=False)
    return context.picture.policies[name]


def _selected_by(context: Context) -> list[str]:
    webhooks = context.picture.objects[VALIDATING, "", "revet"]["webhooks"]
    return [next(iter(each["namespaceSelector"]["matchLabels"])) for each in webhooks]


async def test_what_stands_stays_and_what_is_small_comes(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = _see(context, "m", enforcement="Warn")
    entries = _entries(context, Picky())
    await entries.keep()
    size = len(json.dumps(context.picture.objects[VALIDATING, "", "revet"]["webhooks"]))
    monkeypatch.setattr(room, "MOST_BYTES", int(size * 2.5))
    big = _see(context, "a", podSelector={}, namespaceSelector=_list("x" * 60, size // 70))
    small = _see(context, "z")
    await entries.keep()
    assert set(_selected_by(context)) == {"m", "z"}
    assert entries.left_out(first) == entries.left_out(small) == []
    [said] = entries.left_out(big)
    assert "there is no room left for the entry /audit/" in said
    # Less room than before takes nothing away that stands.
    monkeypatch.setattr(room, "MOST_BYTES", 1)
    await entries.keep()
    assert set(_selected_by(context)) == {"m", "z"}
    # Where there is room again it comes.
    monkeypatch.setattr(room, "MOST_BYTES", size * 20)
    await entries.keep()
    assert entries.left_out(big) == []
    assert len(_selected_by(context)) > len({"m", "z"}) * 2


def _list(value: str, number: int) -> Manifest:
    values = [f"{value}{each % 32}" for each in range(min(number, 32))]
    terms = [{"key": f"k{each}", "operator": "In", "values": values} for each in range(8)]
    return {"matchLabels": {"a": "yes"}, "matchExpressions": terms}


@pytest.mark.parametrize("refused", [*KINDS, "ValidatingAdmissionPolicy"])
async def test_one_that_is_refused_keeps_no_other(context: Context, refused: str) -> None:
    _see(context, "m", controls=[{"id": "seccomp-required", "mode": "Warn", "patch": True}])
    objects = Picky(refused)
    entries = _entries(context, objects)
    stale: Manifest = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": MUTATING}
    stale["metadata"] = {"name": "revet", "uid": "u", "resourceVersion": "1"}
    if refused != MUTATING:
        context.picture.see_object({**stale, "webhooks": []}, gone=False)
        with pytest.raises(KubeError, match="too large"):
            await entries.keep()
        assert (MUTATING, "", "revet") not in context.picture.objects
    else:
        await entries.keep()
    assert ("ValidatingAdmissionPolicyBinding", "", GUARD[2]) in context.picture.objects
    assert ((VALIDATING, "", "revet") in context.picture.objects) is (refused != VALIDATING)


async def test_keys_of_clouds_are_guarded(context: Context) -> None:
    _see(context, "m")
    await _entries(context, Picky(), "cloud.example/managed").keep()
    assert guarded_keys(context.picture.objects[GUARD]) == {"m", "cloud.example/managed"}


async def test_keys_that_the_guard_has_no_room_for_are_told(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = _see(context, "m")
    entries = _entries(context, Picky())
    await entries.keep()
    monkeypatch.setattr(room, "MOST_CHARACTERS", len("'m', 'b', "))
    long, short = _see(context, "a" * 20), _see(context, "b")
    await entries.keep()
    assert guarded_keys(context.picture.objects[GUARD]) == {"m", "b"}
    assert entries.left_out(seen) == entries.left_out(short) == []
    [said] = entries.left_out(long)
    assert f"may change its labels {'a' * 20}: select by fewer keys" in said


def test_the_guards_expression_fits_the_api_servers_limit() -> None:
    keys = [f"{number:05}{'x' * 58}" for number in range(3000)]
    crowded = find_crowded_keys(keys, ())
    [guard, _] = guards(set(keys) - crowded)
    assert 50_000 < len(guard["spec"]["variables"][0]["expression"]) < 100_000


def _longest(overrides: int, values: int) -> Manifest:
    """Write a policy with the longest selectors, each override's another one."""
    terms = [
        {"key": f"k{key}", "operator": "NotIn", "values": [f"{each:063}" for each in range(values)]}
        for key in range(16)
    ]
    raised = [
        {"namespaceSelector": {"matchLabels": {"o": f"{each}"}}, "enforcement": "Enforce"}
        for each in range(overrides)
    ]
    selector = {"matchExpressions": terms}
    return policy("long", {}, namespaceSelector=selector, enforcementOverrides=raised)


def test_a_policy_that_would_leave_no_room_is_not_valid() -> None:
    with pytest.raises(PolicyError) as caught:
        parse_policy(json.dumps(_longest(32, 32)))
    assert str(caught.value).startswith("spec.enforcementOverrides: namespaceSelector, once and")
    assert str(caught.value).endswith(f"must have at most {MOST_SELECTED_BY}")
    assert _is_valid(_longest(0, 32))


def test_the_largest_policy_leaves_room_for_others() -> None:
    values = max(each for each in range(1, 33) if _is_valid(_longest(20, each)))
    assert 1 < values < 32
    largest = CompiledPolicy.of(parse_policy(json.dumps(_longest(20, values))))
    rendered = webhook_configurations([largest], Backend(b"c" * 800), ())
    nothing: Mapping[str, Sequence[str]] = dict.fromkeys(KINDS, ())
    assert find_crowded(rendered, nothing) == frozenset()
    assert max(len(json.dumps(each)) for each in rendered) < room.MOST_BYTES / 2


def _is_valid(manifest: dict[str, Any]) -> bool:
    try:
        parse_policy(json.dumps(manifest))
    except PolicyError:
        return False
    return True


def test_a_configuration_without_entries_is_none() -> None:
    seen = CompiledPolicy.of(parse_policy(json.dumps(policy("m", {"m": "yes"}))))
    [rendered] = webhook_configurations([seen], Backend(b"c"), ())
    [(_, entry)] = seen.entries
    assert without({VALIDATING: rendered}, {entry.path}) == {}
