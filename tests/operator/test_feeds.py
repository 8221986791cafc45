"""One watch for several readers: each has its own part, and keeps it while others come and go."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence

import pytest

from revet.operator.context import Context
from revet.operator.feeds import Feeds, Reading
from tests.operator.test_audit import PODS, World
from tests.webhook.harness import until


class _Notes:
    """A reader that keeps one field of the metadata of pods."""

    def __init__(self, field: str) -> None:
        self.name = field
        self.seen: dict[str, str] = {}
        self.gone: list[str] = []
        self.lists: list[int] = []

    def read(self, kind: str) -> Reading:
        """Begin to keep a kind."""
        assert kind == "Pod"
        return Reading(self, self._trim, 600)

    def replace(self, objects: Sequence[bytes]) -> None:
        """Take these for all there are."""
        self.lists.append(len(objects))
        self.seen = {each.decode(): "" for each in objects}

    def put(self, data: bytes) -> None:
        """Take one."""
        self.seen[data.decode()] = ""

    def drop(self, data: bytes) -> None:
        """Forget one, which comes whole."""
        self.gone.append(json.loads(data)["metadata"]["name"])

    def _trim(self, data: bytes) -> bytes:
        value: str = json.loads(data)["metadata"].get(self.name, "")
        return value.encode()


class _Desk:
    """Feeds of a world with three pods, and two that read them."""

    def __init__(self, context: Context) -> None:
        self.world = World(context.kube, 3)
        self.feeds = Feeds(asyncio.get_running_loop().time, context.log.complain)
        self.names, self.places = _Notes("name"), _Notes("namespace")


@pytest.fixture
async def desk(context: Context) -> AsyncIterator[_Desk]:
    made = _Desk(context)
    task = asyncio.create_task(made.feeds.run(made.world))
    yield made
    assert not task.done()
    task.cancel()


async def test_two_that_read_a_kind_have_one_watch_and_their_own_parts(desk: _Desk) -> None:
    desk.feeds.want(desk.names, {"Pod"})
    desk.feeds.want(desk.places, {"Pod"})
    await until(lambda: desk.feeds.is_listed(desk.places, "Pod"))
    assert desk.world.asked == [PODS]
    assert set(desk.names.seen) == {"p0", "p1", "p2"}
    assert set(desk.places.seen) == {"shop"}
    pod = {"metadata": {"name": "new", "namespace": "bank", "resourceVersion": "2"}}
    desk.world.tell("ADDED", json.dumps(pod).encode())
    desk.world.tell("DELETED", json.dumps(pod).encode())
    await until(lambda: desk.places.gone)
    assert "new" in desk.names.seen
    assert "bank" in desk.places.seen
    assert desk.names.gone == desk.places.gone == ["new"]


async def test_one_that_comes_later_has_all_listed_and_nobody_is_blind_meanwhile(
    desk: _Desk,
) -> None:
    desk.feeds.want(desk.names, {"Pod"})
    await until(lambda: desk.names.lists)
    desk.feeds.want(desk.places, {"Pod"})
    assert not desk.feeds.is_listed(desk.places, "Pod")
    while not desk.feeds.is_listed(desk.places, "Pod"):
        assert desk.feeds.is_listed(desk.names, "Pod")
        await asyncio.sleep(0)
    assert desk.names.lists == [3, 3]


async def test_one_that_goes_forgets_and_the_other_goes_on(desk: _Desk) -> None:
    desk.feeds.want(desk.names, {"Pod"})
    desk.feeds.want(desk.places, {"Pod"})
    await until(lambda: desk.feeds.is_listed(desk.places, "Pod"))
    desk.feeds.want(desk.names, ())
    await until(lambda: not desk.names.seen)
    assert not desk.feeds.is_listed(desk.names, "Pod")
    assert desk.feeds.is_listed(desk.places, "Pod")
    await until(lambda: len(desk.places.lists) == 2)
    # There and back before anybody has looked: as if nothing had been.
    desk.feeds.want(desk.places, ())
    desk.feeds.want(desk.places, {"Pod"})
    await asyncio.sleep(0)
    assert desk.feeds.is_listed(desk.places, "Pod")


async def test_what_may_not_be_read_is_told_until_it_may(desk: _Desk) -> None:
    desk.world.refused[PODS] = 403
    desk.feeds.want(desk.names, {"Pod"})
    await until(lambda: desk.feeds.is_refused("Pod"))
    assert not desk.feeds.is_listed(desk.names, "Pod")
    desk.world.refused.clear()
    desk.feeds.want(desk.places, {"Pod"})
    await until(lambda: desk.feeds.is_listed(desk.names, "Pod"))
    assert not desk.feeds.is_refused("Pod")
