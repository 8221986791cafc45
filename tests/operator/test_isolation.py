"""The isolation of one policy: what stands is told, also where not all could be written."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import TypeVar

import pytest

from revet.adapters.kube import KubeError
from revet.core.model.meta import BREAK_GLASS_LABEL, Manifest
from revet.operator.audit import Audit
from revet.operator.context import Context
from revet.operator.isolation import Isolation
from revet.operator.picture import Key, NamespaceSeen, PolicySeen
from revet.operator.reconcile import Reconciler
from revet.operator.writer import Writer
from tests.operator.test_writer import Written
from tests.operator.turns import count_turns
from tests.support.manifests import namespace, policy

LABELS = {"tier": "prod"}
Result = TypeVar("Result")


class Refusing(Written):
    """Objects that are only remembered, and refused in some namespaces."""

    def __init__(self) -> None:
        super().__init__()
        self.refused: set[str] = set()
        #: Namespaces and names, in the order in which it was done.
        self.applied: list[tuple[str, str]] = []
        self.deleted: list[tuple[str, str]] = []

    async def apply(self, manifest: Manifest, subresource: str = "") -> Manifest:
        """Answer as the writer's tests have it, or refuse."""
        self._check(manifest)
        metadata = manifest["metadata"]
        self.applied.append((metadata.get("namespace", ""), metadata["name"]))
        return await super().apply(manifest, subresource)

    async def delete(self, manifest: Manifest) -> None:
        """Note it, or refuse."""
        self._check(manifest)
        metadata = manifest["metadata"]
        self.deleted.append((metadata["namespace"], metadata["name"]))
        self.done.append(f"delete in {metadata['namespace']}")

    def _check(self, manifest: Manifest) -> None:
        place = manifest["metadata"].get("namespace")
        if place in self.refused:
            raise KubeError(f"no quota in {place}", 403)


class Desk:
    """The isolation of one policy, with its surroundings."""

    def __init__(self, context: Context) -> None:
        self.objects = Refusing()
        self.picture = context.picture
        writer = Writer(self.objects, self.picture, frozenset(), lambda: 0.0, context.queue.add)
        self.context = replace(context, writer=writer)
        self.isolation = Isolation(self.context)

    def policy(self, version: int = 1, mode: str = "Enforce", *, dns: bool = False) -> PolicySeen:
        """See the policy, at a version."""
        manifest = policy("strict", LABELS, network={"mode": mode, "allow": {"dns": dns}})
        manifest["metadata"] |= {"uid": "p", "resourceVersion": f"{version}", "generation": version}
        self.picture.see_policy(manifest, gone=False)
        return self.picture.policies["strict"]

    def namespaces(self, *names: str, **metadata: object) -> list[NamespaceSeen]:
        """See further namespaces that it selects; return them all."""
        for name in names:
            manifest = namespace(name, LABELS)
            manifest["metadata"] |= {"uid": name, "resourceVersion": "1", **metadata}
            self.picture.see_namespace(manifest, gone=False)
        return list(self.picture.namespaces.values())


@pytest.fixture
def desk(context: Context) -> Desk:
    return Desk(context)


async def test_what_stands_no_more_is_not_told_to_stand(desk: Desk) -> None:
    desk.policy()
    desk.namespaces("a", "b", "c")
    assert await desk.isolation.keep("strict") == (["a", "b", "c"], [])
    desk.picture.objects.clear()
    desk.objects.refused = {"b"}
    assert await desk.isolation.keep("strict") == (["a", "c"], ["no quota in b"])


async def test_one_that_cannot_be_deleted_keeps_no_other(desk: Desk) -> None:
    desk.policy()
    desk.namespaces("a", "b", "c")
    await desk.isolation.keep("strict")
    desk.objects.done.clear()
    desk.objects.refused = {"a", "b"}
    desk.policy(2, "Audit")
    standing, problems = await desk.isolation.keep("strict")
    assert standing == []
    assert problems == ["no quota in a", "no quota in b"]
    assert desk.objects.done == ["delete in c"]


async def test_the_default_deny_comes_last_and_goes_first(desk: Desk) -> None:
    """Else somebody is isolated for a moment, without what is allowed."""
    desk.policy(dns=True)
    desk.namespaces("a", "b")
    await desk.isolation.keep("strict")
    roles = [name.rpartition("-")[2] for _, name in desk.objects.applied]
    assert sorted(roles) == ["dns", "dns", "isolate", "isolate"]
    assert all(_order(desk.objects.applied, each) == ["dns", "isolate"] for each in ("a", "b"))
    desk.policy(2, "Audit")
    await desk.isolation.keep("strict")
    assert all(_order(desk.objects.deleted, each) == ["isolate", "dns"] for each in ("a", "b"))


def _order(places: list[tuple[str, str]], namespace: str) -> list[str]:
    return [name.rpartition("-")[2] for home, name in places if home == namespace]


async def test_where_nothing_is_to_be_written_nothing_is(desk: Desk) -> None:
    desk.policy()
    desk.namespaces("a")
    desk.namespaces("going", deletionTimestamp="2026-01-02T03:04:05Z")
    selected = desk.namespaces("open", labels={**LABELS, BREAK_GLASS_LABEL: "INC-1"})
    assert await desk.isolation.keep("strict") == (["a"], [])
    assert desk.isolation.spared(selected) == {
        "going": "it is being deleted",
        "open": f"{BREAK_GLASS_LABEL} is set",
    }
    assert desk.objects.done == ["apply"]


async def test_others_have_their_turn_while_all_stands(desk: Desk) -> None:
    desk.policy()
    selected = desk.namespaces(*(f"n{number}" for number in range(100)))
    await desk.isolation.keep("strict")
    # Eight of them at a time.
    assert await count_turns(desk.isolation.keep("strict")) >= len(selected) / 8
    assert len(desk.objects.done) == len(selected)


def _label(desk: Desk, name: str, labels: dict[str, str], version: str) -> None:
    manifest = namespace(name, labels)
    manifest["metadata"] |= {"uid": name, "resourceVersion": version}
    desk.picture.see_namespace(manifest, gone=False)


async def _while_waiting(
    desk: Desk, work: Coroutine[object, object, Result], *changes: Callable[[], object]
) -> Result:
    """Have something change while work waits for its turn."""
    turn = desk.isolation._turns["strict"]
    await turn.acquire()
    waiting = asyncio.create_task(work)
    await asyncio.sleep(0)
    for change in changes:
        change()
    turn.release()
    return await waiting


async def test_a_pass_goes_by_what_is_so_when_its_turn_comes(desk: Desk) -> None:
    desk.policy()
    desk.namespaces("a")
    _label(desk, "b", {}, "1")
    told = await _while_waiting(
        desk,
        desk.isolation.keep("strict"),
        lambda: _label(desk, "a", {}, "2"),
        lambda: _label(desk, "b", LABELS, "2"),
    )
    assert told == (["b"], [])
    assert desk.objects.done == ["apply"]


async def test_one_namespace_is_left_where_the_policy_asks_no_more_by_then(desk: Desk) -> None:
    desk.policy()
    desk.namespaces("a")
    changes = (lambda: desk.policy(2, "Audit"), lambda: _label(desk, "a", {}, "2"))
    for change in (*changes, desk.picture.policies.clear):
        await _while_waiting(desk, desk.isolation.keep_at("a", ["strict"]), change)
    assert (desk.objects.done, desk.isolation.standing("strict")) == ([], [])


async def test_the_status_tells_what_stands_beside_what_failed(desk: Desk) -> None:
    desk.policy()
    desk.namespaces("a", "b")
    reconciler = Reconciler(desk.context, Audit(desk.context))
    key = Key("policy", "strict")
    await reconciler.reconcile(key)
    desk.picture.objects.clear()
    desk.objects.refused = {"b"}
    await reconciler.reconcile(key)
    await reconciler.reconcile(Key("status", "strict"))
    manifest = desk.picture.policies["strict"].manifest
    told = {each["type"]: each for each in manifest["status"]["conditions"]}
    isolated, ready = told["NetworkIsolated"], told["Ready"]
    assert (isolated["status"], isolated["message"]) == ("False", "not in b")
    assert (ready["status"], ready["message"]) == ("False", "no quota in b")
