"""The reconciler when things go wrong: one odd key stops no other, and is tried again."""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from kubernetes.aio.client.api_client import ApiClient

from revet.adapters.address import Address
from revet.adapters.kube import Kube, KubeError
from revet.adapters.log import Log
from revet.operator import reconcile
from revet.operator.audit import Audit
from revet.operator.context import Context
from revet.operator.metrics import Metrics
from revet.operator.picture import Key, Picture
from revet.operator.queue import Queue
from revet.operator.reconcile import Reconciler
from revet.operator.settings import Settings
from revet.operator.writer import Writer
from tests.operator.test_writer import Written
from tests.support.manifests import policy
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
def output() -> io.BytesIO:
    return io.BytesIO()


@pytest.fixture
async def context(output: io.BytesIO) -> AsyncIterator[Context]:
    clock = asyncio.get_running_loop().time
    objects, picture, queue = Written(), Picture(), Queue(clock)
    address = Address("127.0.0.1", 0)
    names = frozenset[str]()
    settings = Settings("revet-system", None, "s", None, "o", names, names, address, 600, "l", "i")
    async with ApiClient() as client:
        yield Context(
            settings,
            Kube(client),
            objects,
            picture,
            queue,
            Queue(clock),
            Writer(objects, picture, names, clock, queue.add),
            Metrics(),
            Log(output, lambda: "now", lambda flush: flush),
            now=lambda: datetime.now(UTC),
        )


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
