"""When audits are made, and that they let others work meanwhile. tests/core has what they count."""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace

import msgspec
import pytest

from revet.adapters.kube import Collection, Kube, KubeError, WatchEvent
from revet.core.ledger import Place
from revet.core.model.condition import Truth
from revet.core.model.image_facts import Fault
from revet.core.verification import ToVerify
from revet.operator import audit
from revet.operator.audit import Audit
from revet.operator.context import Context
from revet.operator.feeds import Feeds
from revet.operator.inquiry import Answer
from revet.operator.picture import Key
from tests.support.manifests import Manifest, namespace, pod, policy
from tests.webhook.harness import until

LABELS = {"tier": "prod"}
PODS = "/api/v1/pods"


class World(Kube):
    """An API server with pods; of other kinds there is nothing, or what a test puts in."""

    def __init__(self, kube: Kube, number: int) -> None:
        super().__init__(kube.client)
        self.objects: dict[str, list[bytes]] = {PODS: [_pod(f"p{each}") for each in range(number)]}
        self.refused: dict[str, int] = {}
        self.asked: list[str] = []
        self._events: dict[str, asyncio.Queue[WatchEvent]] = {}

    async def list(
        self, collection: Collection, trim: Callable[[bytes], bytes] = bytes
    ) -> tuple[Sequence[bytes], str]:
        """Give what there is, or refuse."""
        self.asked.append(collection.path)
        if collection.path in self.refused:
            raise KubeError("refused", self.refused[collection.path])
        return [trim(each) for each in self.objects.get(collection.path, ())], "1"

    async def watch(
        self,
        collection: Collection,
        version: str,  # noqa: ARG002 -- as its twin
        silence_s: float,  # noqa: ARG002 -- as its twin
        taken_up: Callable[[], None],  # noqa: ARG002 -- as its twin
    ) -> AsyncIterator[WatchEvent]:
        """Give what a test tells."""
        events = self._events.setdefault(collection.path, asyncio.Queue())
        while True:
            yield await events.get()

    async def request(self, method: str, path: str, *_: object, **__: object) -> bytes:
        """Serve no API of reports."""
        raise KubeError(f"{method} {path}: not found", 404)

    def tell(self, event: str, data: bytes, path: str = PODS) -> None:
        """Have a watch tell of an object."""
        told = WatchEvent(event, msgspec.Raw(data))
        self._events.setdefault(path, asyncio.Queue()).put_nowait(told)


def _pod(name: str, **spec: object) -> bytes:
    made = pod(name, **spec)
    made["metadata"] |= {"namespace": "shop", "resourceVersion": "1", "managedFields": [{"a": 1}]}
    return json.dumps({**made, "status": {"phase": "Pending"}}).encode()


def _stamp(manifest: Manifest) -> Manifest:
    manifest["metadata"] |= {"uid": "u", "resourceVersion": "1", "generation": 1}
    return manifest


@pytest.fixture
def world(context: Context) -> World:
    context.picture.see_policy(_stamp(policy("strict", LABELS)), gone=False)
    context.picture.see_namespace(_stamp(namespace("shop", LABELS)), gone=False)
    return World(context.kube, 200)


@pytest.fixture
async def auditing(
    context: Context, world: World, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Audit]:
    for name in ("_SETTLE_S", "_RESTS", "_TOLD_S"):
        monkeypatch.setattr(audit, name, 0)
    feeds = Feeds(asyncio.get_running_loop().time, context.log.complain)
    made = Audit(replace(context, kube=world, feeds=feeds))
    tasks = [asyncio.create_task(each) for each in (feeds.run(world), made.run())]
    yield made
    assert not any(task.done() for task in tasks), "the audit has ended"
    for task in tasks:
        task.cancel()


def _counts(auditing: Audit) -> tuple[int, int]:
    tally = auditing.tallies.get("strict")
    counts = tally.counts(1) if tally else None
    return (counts.workloads, counts.non_compliant) if counts else (0, 0)


async def test_it_counts_what_is_there_once_all_of_it_was_seen(
    auditing: Audit, world: World, context: Context
) -> None:
    auditing.look_again(["shop"])
    await until(lambda: auditing.tallies)
    assert _counts(auditing) == (200, 200)
    assert world.asked.count(PODS) == 1
    assert await context.statuses.get() == Key("status", "strict")
    # Who asks for no signatures is told nothing of what runs.
    assert auditing.images_told("strict") is None
    found = b'revet_findings{control="run-as-non-root",policy="strict",severity="medium"} 200.0'
    assert found in context.metrics.expose().splitlines()


async def test_what_changes_is_judged_when_it_does_and_nothing_is_listed(
    auditing: Audit, world: World
) -> None:
    auditing.look_again(["shop"])
    await until(lambda: auditing.tallies)
    asked = len(world.asked)
    world.tell("ADDED", _pod("new"))
    await until(lambda: _counts(auditing) == (201, 201))
    world.tell("DELETED", _pod("new"))
    world.tell("DELETED", _pod("p1"))
    await until(lambda: _counts(auditing) == (199, 199))
    assert len(world.asked) == asked


async def test_a_status_is_no_reason_to_judge(
    auditing: Audit, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    auditing.look_again(["shop"])
    await until(lambda: auditing.tallies)
    judged: list[Place] = []

    def judge(_: Audit, __: str, place: Place, ___: object) -> set[str]:
        judged.append(place)
        return set()

    monkeypatch.setattr(Audit, "_judge", judge)
    changed = json.loads(_pod("p1"))
    changed["status"]["phase"] = "Running"
    changed["metadata"]["resourceVersion"] = "2"
    world.tell("MODIFIED", json.dumps(changed).encode())
    world.tell("MODIFIED", _pod("p2", hostNetwork=True))
    await until(lambda: judged)
    assert judged == [("Pod", "p2")]


async def test_a_label_makes_one_namespace_be_judged_anew(
    auditing: Audit, world: World, context: Context
) -> None:
    auditing.look_again(["shop"])
    await until(lambda: auditing.tallies)
    asked = len(world.asked)
    other = _stamp(namespace("shop", {}))
    other["metadata"]["resourceVersion"] = "2"
    context.picture.see_namespace(other, gone=False)
    auditing.look_again(["shop"])
    await until(lambda: _counts(auditing) == (0, 0))
    assert len(world.asked) == asked


async def test_others_have_their_turn_within_a_namespace(auditing: Audit) -> None:
    turns = 0

    async def tick() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    await auditing._seen.wait()
    auditing.look_again(["shop"])
    await auditing._seen.wait()
    ticking = asyncio.create_task(tick())
    await auditing._judge_namespace("shop", None)
    ticking.cancel()
    assert turns >= 200 / 25 - 1


@pytest.mark.parametrize("status", [403, 404])
async def test_what_may_not_be_read_or_is_not_served_holds_up_nothing(
    auditing: Audit, world: World, status: int, output: io.BytesIO, context: Context
) -> None:
    world.refused["/api/v1/services"] = status
    auditing.look_again(["shop"])
    await until(lambda: auditing.tallies)
    assert _counts(auditing) == (200, 200)
    context.log.flush()
    complaints = [line for line in output.getvalue().splitlines() if b"refused" in line]
    assert len(complaints) == (1 if status == 403 else 0)


async def test_a_policy_that_goes_is_counted_no_more(auditing: Audit, context: Context) -> None:
    auditing.look_again(["shop"])
    await until(lambda: auditing.tallies)
    context.picture.policies.clear()
    auditing.look_again(["shop"])
    assert auditing.tallies == {}
    told = context.metrics.expose().splitlines()
    assert [line for line in told if b'policy="strict"' in line] == []


DIGEST = f"sha256:{'a' * 64}"
KEY = {"configMapRef": {"name": "k", "key": "p"}}
RULE = {"name": "ci", "images": ["registry.example/*"], "anyOf": [{"key": KEY}]}


class Unsigned:
    """Says of all images that they are not signed."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def ask(self, wanted: ToVerify) -> Answer:
        """Say so."""
        self.asked.append(wanted.image)
        return (Fault("no signature"),)

    async def close(self) -> None:
        """Have nothing to let go of."""


async def test_what_runs_is_asked_about_by_the_digest_that_its_node_tells(
    context: Context, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_SETTLE_S", "_RESTS", "_TOLD_S"):
        monkeypatch.setattr(audit, name, 0)
    images = {"verify": [RULE], "digest": "Pin", "registries": ["registry.example/"]}
    manifest = _stamp(policy("strict", LABELS, images=images))
    manifest["metadata"] |= {"resourceVersion": "2", "generation": 2}
    context.picture.see_policy(manifest, gone=False)
    world.objects[PODS] = [_pod("p1")]
    feeds = Feeds(asyncio.get_running_loop().time, context.log.complain)
    webhook = Unsigned()
    made = Audit(replace(context, kube=world, feeds=feeds), webhook)
    assert made.images_told("strict") is None
    tasks = [asyncio.create_task(each) for each in (feeds.run(world), made.run())]
    made.look_again(["shop"])
    await until(lambda: made.tallies)
    assert webhook.asked == []
    assert made.tallies["strict"].findings["image-signature"] == 0
    assert made.tallies["strict"].counts(1).not_checked == 1
    assert made.images_told("strict") == (
        Truth.TRUE,
        "NothingRuns",
        "no image runs of which it asks that",
    )
    runs = json.loads(_pod("p1"))
    told = {"name": "app", "imageID": f"registry.example/app@{DIGEST}"}
    runs["status"] = {"phase": "Running", "containerStatuses": [told]}
    world.tell("MODIFIED", json.dumps(runs).encode())
    await until(lambda: made.tallies["strict"].findings["image-signature"] == 1)
    assert webhook.asked == [f"registry.example/app@{DIGEST}"]
    [found] = [each for each in made.tallies["strict"].top() if "no signature" in each.message]
    assert found.message == f"image registry.example/app:1@{DIGEST}: no signature"
    assert found.control == "image-signature"
    world.tell("DELETED", _pod("p1"))
    await until(lambda: made.tallies["strict"].counts(1).workloads == 0)
    assert not made._rounds._images
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
