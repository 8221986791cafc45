"""When audits are made, and that they let others work meanwhile. tests/core has what they count."""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from itertools import pairwise

import pytest

from revet.adapters.kube import Collection, Kube, KubeError
from revet.operator import audit
from revet.operator.audit import Audit
from revet.operator.context import Context
from revet.operator.picture import Key
from tests.support.manifests import namespace, pod, policy
from tests.webhook.harness import until

LABELS = {"tier": "prod"}


class Pods(Kube):
    """An API server with one page of pods; it fails as often as the test says."""

    def __init__(self, kube: Kube, number: int) -> None:
        super().__init__(kube.client)
        made = (pod(f"p{each}") for each in range(number))
        self.page = [
            json.dumps({**each, "metadata": {**each["metadata"], "namespace": "shop"}}).encode()
            for each in made
        ]
        self.fails: list[Exception] = []
        self.asked: list[float] = []
        #: What a test counts of others' work, and how much of it was while the page was judged.
        self.turns = 0
        self.turns_within = 0

    async def pages(self, collection: Collection) -> AsyncIterator[tuple[Sequence[bytes], str]]:
        """Give the page of pods, or fail; of other kinds there is nothing."""
        assert collection.page == 100
        if collection.path != "/api/v1/pods":
            yield [], "1"
            return
        self.asked.append(asyncio.get_running_loop().time())
        if self.fails:
            raise self.fails.pop()
        before = self.turns
        yield self.page, "1"
        self.turns_within = self.turns - before


@pytest.fixture
def pods(context: Context) -> Pods:
    for see, manifest in (
        (context.picture.see_policy, policy("strict", LABELS)),
        (context.picture.see_namespace, namespace("shop", LABELS)),
    ):
        manifest["metadata"] |= {"uid": "u", "resourceVersion": "1", "generation": 1}
        see(manifest, gone=False)
    return Pods(context.kube, 200)


@pytest.fixture
async def auditing(
    context: Context, pods: Pods, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Audit]:
    monkeypatch.setattr(audit, "_SETTLE_S", 0)
    monkeypatch.setattr(audit, "_RESTS", 0)
    made = Audit(replace(context, kube=pods))
    task = asyncio.create_task(made.run())
    yield made
    assert not task.done(), "the audit has ended"
    task.cancel()


async def test_others_have_their_turn_within_a_page(auditing: Audit, pods: Pods) -> None:
    async def tick() -> None:
        while True:
            await asyncio.sleep(0)
            pods.turns += 1

    ticking = asyncio.create_task(tick())
    auditing.want()
    await until(lambda: auditing.tallies)
    ticking.cancel()
    assert pods.turns_within >= len(pods.page) / 25 - 1
    assert auditing.tallies["strict"].counts(1).workloads == len(pods.page)


async def test_changes_are_audited_apart_but_a_new_policy_at_once(
    auditing: Audit, pods: Pods
) -> None:
    auditing.want()
    await until(lambda: len(pods.asked) == 1)
    auditing.want()
    for _ in range(200):
        await asyncio.sleep(0)
    assert len(pods.asked) == 1
    auditing.want(first=True)
    await until(lambda: len(pods.asked) == 2)
    auditing.want()
    for _ in range(200):
        await asyncio.sleep(0)
    assert len(pods.asked) == 2


async def test_changes_are_audited_when_the_last_one_is_long_enough_ago(
    auditing: Audit, pods: Pods, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "_APART_S", 0.1)
    for number in range(1, 4):
        auditing.want()
        await until(lambda: len(pods.asked) == number)  # noqa: B023
    assert all(after - before >= 0.1 for before, after in pairwise(pods.asked))


async def test_after_a_long_one_even_a_new_policy_waits(
    auditing: Audit, pods: Pods, monkeypatch: pytest.MonkeyPatch
) -> None:
    auditing.want()
    await until(lambda: auditing.tallies)
    monkeypatch.setattr(audit, "_RESTS", 1e9)
    auditing.want(first=True)
    for _ in range(200):
        await asyncio.sleep(0)
    assert len(pods.asked) == 1


@pytest.mark.parametrize("error", [KubeError("away"), ZeroDivisionError("odd")])
async def test_one_that_failed_is_made_again(
    auditing: Audit,
    pods: Pods,
    error: Exception,
    output: io.BytesIO,
    context: Context,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(audit, "_AGAIN_S", (0.05, 0.1))
    pods.fails = [error] * 3
    auditing.want()
    await until(lambda: auditing.tallies)
    waits = [after - before for before, after in pairwise(pods.asked)]
    assert len(waits) == 3
    assert all(wait >= least for wait, least in zip(waits, (0.05, 0.1, 0.1), strict=True))
    context.log.flush()
    assert len(output.getvalue().splitlines()) == 3
    assert await context.statuses.get() == Key("status", "strict")
