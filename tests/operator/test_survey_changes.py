"""What changes in a namespace reaches its NetworkPolicies, there alone."""

import asyncio
import json
from dataclasses import replace

import pytest

from revet.adapters.kube import KubeError
from revet.core.model.meta import Manifest
from revet.core.network.survey import EVERYWHERE
from revet.operator.context import Context
from revet.operator.feeds import Feeds
from revet.operator.isolation import Isolation
from revet.operator.picture import Key
from revet.operator.surveyor import Surveyor
from revet.operator.writer import Writer
from tests.network.world import World
from tests.operator.test_isolation import LABELS, Refusing
from tests.support.manifests import namespace, policy


class Desk:
    """The isolation of one policy in two namespaces, with what it depends on."""

    def __init__(self, context: Context) -> None:
        self.objects, picture = Refusing(), context.picture
        writer = Writer(self.objects, picture, frozenset(), lambda: 0.0, context.queue.add)
        self.context = replace(context, writer=writer)
        self.isolation = Isolation(self.context)
        for name in ("shop", "bank"):
            made = namespace(name, LABELS)
            made["metadata"] |= {"uid": name, "resourceVersion": "1"}
            picture.see_namespace(made, gone=False)
        asked = policy("strict", LABELS, network={"mode": "Enforce"})
        asked["metadata"] |= {"uid": "p", "resourceVersion": "1", "generation": 1}
        picture.see_policy(asked, gone=False)

    def feed(self, world: World, *, gone: bool = False) -> None:
        """Have objects come, or go."""
        survey = self.context.surveyor.survey
        for each in world.manifests:
            if each["kind"] != "Namespace":
                take = survey.drop if gone else survey.put
                take(each["kind"], json.dumps(each).encode())

    async def compare(self) -> list[str]:
        """Return where something has changed that counts."""
        told: list[str] = []
        await self.context.surveyor._compare(told.extend)
        return told

    def roles(self, name: str) -> set[str]:
        """Return what stands in a namespace."""
        found = self.context.picture.objects
        return {each.split("-", 2)[2][:10] for _, home, each in found if home == name}


@pytest.fixture
async def desk(context: Context) -> Desk:
    made = Desk(context)
    world = World()
    world.api_server()
    made.feed(world)
    await made.compare()
    await made.isolation.keep("strict")
    return made


def _reader() -> World:
    world = World()
    world.bind("shop", "reader")
    world.pod("shop/reader", {"app": "reader"}, account="reader", token=True)
    return world


async def test_only_where_it_counts_something_is_written(desk: Desk) -> None:
    assert desk.roles("shop") == desk.roles("bank") == {"isolate", "dns"}
    desk.objects.done.clear()
    desk.feed(_reader())
    assert await desk.compare() == ["shop"]
    desk.isolation.note_changes(["shop"])
    assert await desk.context.queue.get() == Key("network", "shop")
    await desk.isolation.keep_at("shop", ["strict"])
    assert desk.roles("shop") == {"isolate", "dns", "api-server"}
    assert desk.objects.done == ["apply"]
    # The same again is no news.
    desk.feed(_reader())
    assert await desk.compare() == []
    desk.feed(_reader(), gone=True)
    assert await desk.compare() == ["shop"]
    await desk.isolation.keep_at("shop", ["strict"])
    assert desk.objects.done == ["apply", "delete in shop"]
    assert desk.roles("bank") == {"isolate", "dns"}


async def test_what_is_about_the_cluster_is_about_every_policy(desk: Desk) -> None:
    world = World()
    world.dns()
    desk.feed(world)
    assert await desk.compare() == [EVERYWHERE]
    desk.isolation.note_changes([EVERYWHERE])
    assert await desk.context.queue.get() == Key("policy", "strict")


async def test_what_a_pass_over_all_has_read_is_no_reason_to_take_away(desk: Desk) -> None:
    passing = asyncio.create_task(desk.isolation.keep("strict"))
    await asyncio.sleep(0)
    desk.feed(_reader())
    await desk.compare()
    await asyncio.gather(passing, desk.isolation.keep_at("shop", ["strict"]))
    assert desk.roles("shop") == {"isolate", "dns", "api-server"}
    assert not any("delete" in each for each in desk.objects.done)


async def test_before_everything_was_listed_nothing_is_written(context: Context) -> None:
    said: list[str] = []
    clock = asyncio.get_running_loop().time
    surveyor = Surveyor(context.kube, Feeds(clock, said.append), frozenset(), clock, said.append)
    desk = Desk(replace(context, surveyor=surveyor))
    desk.isolation.most_s = 0.01
    standing, [problem] = await desk.isolation.keep("strict")
    assert standing == []
    assert problem.startswith("no NetworkPolicy is written: not listed yet: Service, EndpointSlice")
    assert desk.objects.done == []
    off: Manifest = policy("strict", LABELS, network={"mode": "Audit"})
    off["metadata"] |= {"uid": "p", "resourceVersion": "2", "generation": 2}
    desk.context.picture.see_policy(off, gone=False)
    assert await desk.isolation.keep("strict") == ([], [])


async def test_what_could_not_be_taken_away_is_looked_for_again(desk: Desk) -> None:
    desk.feed(_reader())
    await desk.compare()
    await desk.isolation.keep_at("shop", ["strict"])
    desk.feed(_reader(), gone=True)
    await desk.compare()
    desk.objects.refused = {"shop"}
    with pytest.raises(KubeError, match="no quota in shop"):
        await desk.isolation.keep_at("shop", ["strict"])
    desk.objects.refused = set()
    await desk.isolation.keep_at("shop", ["strict"])
    assert desk.objects.done[-1] == "delete in shop"
    assert desk.roles("shop") == {"isolate", "dns"}
