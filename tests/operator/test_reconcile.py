"""The reconciler when things go wrong: one odd key stops no other, and is tried again."""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest

from revet.adapters.kube import KubeError
from revet.core.compiled_policy import CompiledPolicy
from revet.core.model.mode import Mode
from revet.operator import reconcile, resync
from revet.operator.audit import Audit
from revet.operator.context import Context
from revet.operator.entries import Entries
from revet.operator.picture import CLUSTER, Key
from revet.operator.reconcile import Reconciler
from tests.operator.turns import count_turns
from tests.support.manifests import namespace, policy
from tests.webhook.harness import until

ODD = Key("namespace", "odd")
EVEN = Key("namespace", "even")


class Trouble(Reconciler):
    """A reconciler whose work on the key ODD goes as the test says."""

    def __init__(self, context: Context) -> None:
        super().__init__(context, Audit(context))
        self.done: list[Key] = []
        self.error: Exception | None = None
        self.blocked = asyncio.Event()

    async def _make(self, key: Key) -> None:
        self.done.append(key)
        if key == ODD:
            if self.error is not None:
                raise self.error
            await self.blocked.wait()
        elif key.about == "status":
            await super()._make(key)


@pytest.fixture
async def trouble(context: Context, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Trouble]:
    monkeypatch.setattr(reconcile, "_BACKOFF_S", (0.01, 0.02))
    monkeypatch.setattr(reconcile, "_UNTOLD_S", 0.2)
    made = Trouble(context)
    task = asyncio.create_task(made.run())
    yield made
    assert not task.done(), "the worker has ended"
    task.cancel()


def _logged(context: Context, output: io.BytesIO) -> list[dict[str, Any]]:
    context.log.flush()
    return [json.loads(line) for line in output.getvalue().splitlines()]


def _count(context: Context, result: str) -> float:
    labels = {"about": "namespace", "result": result}
    return context.metrics.registry.get_sample_value("revet_reconciles_total", labels) or 0


@pytest.mark.parametrize("error", [KubeError("refused", 403), ZeroDivisionError("odd")])
async def test_what_fails_is_tried_again_beside_others(
    context: Context, trouble: Trouble, output: io.BytesIO, error: Exception
) -> None:
    trouble.error = error
    context.queue.add_all([ODD, EVEN])
    await until(lambda: trouble.done.count(ODD) > 3)
    assert EVEN in trouble.done
    assert _count(context, "failed") >= 3
    assert _count(context, "ok") == 1
    traces = [line["trace"] for line in _logged(context, output) if line["event"] == "failed"]
    assert bool(traces) is isinstance(error, ZeroDivisionError)
    assert all("ZeroDivisionError: odd" in trace for trace in traces)
    trouble.error = None
    trouble.blocked.set()
    await until(lambda: _count(context, "ok") > 1)


async def test_what_hangs_holds_up_no_other_key(context: Context, trouble: Trouble) -> None:
    context.queue.add(ODD)
    await until(lambda: ODD in trouble.done)
    context.queue.add_all([EVEN, ODD])
    await until(lambda: EVEN in trouble.done)
    # Asked for again, it is not begun a second time beside itself.
    assert trouble.done.count(ODD) == 1
    trouble.blocked.set()
    await until(lambda: trouble.done.count(ODD) == 2)


async def test_a_status_waits_for_the_work_but_not_for_ever(
    context: Context, trouble: Trouble
) -> None:
    manifest = policy("strict", {"a": "b"})
    manifest["metadata"] |= {"uid": "u", "resourceVersion": "1", "generation": 1}
    context.picture.see_policy(manifest, gone=False)
    began = asyncio.get_running_loop().time()
    context.queue.add_all([ODD, Key("policy", "strict")])
    status = Key("status", "strict")
    await until(lambda: status in trouble.done)
    assert asyncio.get_running_loop().time() - began >= 0.15
    written = context.picture.policies["strict"].manifest["status"]["conditions"]
    assert {each["type"] for each in written} >= {"Accepted", "Ready", "Enforcing"}


def _select(context: Context, policies: int, namespaces: int) -> list[Key]:
    """Have policies, and namespaces that each selects; return the keys of all namespaces."""
    for number in range(policies):
        manifest = policy(f"p{number}", {"tier": "prod"})
        manifest["metadata"] |= {"uid": f"p{number}", "resourceVersion": "1", "generation": 1}
        context.picture.see_policy(manifest, gone=False)
    for number in range(namespaces):
        manifest = namespace(f"n{number}", {"tier": "prod"})
        manifest["metadata"] |= {"uid": f"n{number}", "resourceVersion": "1"}
        context.picture.see_namespace(manifest, gone=False)
    return [Key("namespace", name) for name in context.picture.namespaces]


async def test_the_work_on_namespaces_grows_as_they_do(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    ceiling = CompiledPolicy.ceiling

    def count(policy: CompiledPolicy, name: str, *rest: Any) -> Mode | None:  # noqa: ANN401
        asked.append(name)
        return ceiling(policy, name, *rest)

    keys = _select(context, 3, 40)
    reconciler = Reconciler(context, Audit(context))
    monkeypatch.setattr(CompiledPolicy, "ceiling", count)
    for key in keys:
        await reconciler.reconcile(key)
    # Once a policy: whose status tells of it.
    assert len(asked) == 3 * 40


class Wanted(Audit):
    """An audit that only notes whether it is wanted."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.asked: list[set[str]] = []

    def look_again(self, namespaces: Iterable[str]) -> None:
        """Note it."""
        self.asked.append(set(namespaces))


async def test_a_label_that_selects_nothing_calls_for_no_audit(context: Context) -> None:
    _select(context, 1, 2)
    audit = Wanted(context)
    reconciler = Reconciler(context, audit)
    key = Key("policy", "p0")
    counts = []
    for version, labels in enumerate(({}, {"x": "1"}, {"x": "2"}, {"tier": "dev"}), start=2):
        manifest = namespace("n0", {"tier": "prod"} | labels)
        manifest["metadata"] |= {"uid": "n0", "resourceVersion": f"{version}"}
        context.picture.see_namespace(manifest, gone=False)
        await reconciler.reconcile(key)
        counts.append(len(audit.asked))
    assert counts == [1, 1, 1, 2]
    # Everything that a new policy selects, and what is in no namespace; then what has changed.
    assert audit.asked == [{"", "n0", "n1"}, {"n0"}]


class Silent(Reconciler):
    """A reconciler that tells nothing."""

    async def _write_status(self, name: str) -> None:
        assert name


async def test_others_have_their_turn_while_much_is_looked_at(context: Context) -> None:
    keys = _select(context, 1, 200)
    reconciler = Silent(context, Audit(context))
    context.queue.add_all(keys)
    working = asyncio.create_task(reconciler.run())
    turns = await count_turns(until(lambda: _count(context, "ok") == len(keys)))
    working.cancel()
    # Sixteen workers are at it, each with a key a turn.
    assert turns >= len(keys) / 16


class Odd(Entries):
    """Entries that cannot count replicas: whatever they read is not as it should be."""

    async def count_replicas(self) -> bool:
        """Fail."""
        raise KeyError("addresses")


async def test_what_all_share_is_looked_at_again_and_again(
    context: Context, output: io.BytesIO
) -> None:
    reconciler = Reconciler(context, Audit(context))
    reconciler.entries = Odd(context)
    _select(context, 1, 2)
    task = asyncio.create_task(resync.keep_fresh(reconciler, context, lambda: None, 0.001))
    found: list[Key] = []
    while found.count(Key("namespace", "n1")) < 3:
        found.append(await context.queue.get())
        context.queue.done(found[-1])
    assert not task.done()
    task.cancel()
    assert found.count(CLUSTER) >= 2
    assert found.count(Key("policy", "p0")) >= 2
    assert found.count(Key("namespace", "n0")) >= 2
    # Replicas were counted all the while, and what is watched for is not there.
    assert {line["event"] for line in _logged(context, output)} == {"failed", "error"}
