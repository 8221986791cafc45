"""Pods are listed when there is time; who depends on them waits for them, and nobody else."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from revet.adapters.kube import KubeError
from revet.core.network.limits import Limits
from revet.core.network.survey import KINDS
from revet.operator.context import Context
from revet.operator.feeds import LATE, Feeds, _Feed
from revet.operator.isolation import Isolation
from revet.operator.picture import Key
from revet.operator.surveyor import Surveyor
from revet.operator.writer import Writer
from tests.network.world import World
from tests.operator.test_audit import PODS
from tests.operator.test_audit import World as Cluster
from tests.operator.test_feeds import _Notes
from tests.operator.test_isolation import LABELS, Refusing
from tests.operator.test_quarantine import RESPOND
from tests.support.manifests import namespace, policy
from tests.webhook.harness import until

_EXPOSES = {"ingressControllers": [{"namespaceSelector": {"matchLabels": {"a": "b"}}}]}
_UNLISTED = "no NetworkPolicy is written: not listed yet: Pod"


class Desk:
    """The isolation of one policy in two namespaces; all is listed but the pods."""

    def __init__(self, context: Context, world: World | None = None) -> None:
        clock = asyncio.get_running_loop().time
        self.objects, picture = Refusing(), context.picture
        self.feeds = Feeds(clock, lambda _: None, self._rest)
        self.surveyor = Surveyor(context.kube, self.feeds, frozenset(), clock, lambda _: None)
        writer = Writer(self.objects, picture, frozenset(), lambda: 0.0, context.queue.add)
        self.context = replace(context, writer=writer, feeds=self.feeds, surveyor=self.surveyor)
        self.isolation = Isolation(self.context)
        self.isolation.most_s = 0.02
        for name in ("shop", "bank"):
            made = namespace(name, LABELS)
            made["metadata"] |= {"uid": name, "resourceVersion": "1"}
            picture.see_namespace(made, gone=False)
        self.surveyor.want()
        if world is not None:
            self.list_most(world)

    def list_most(self, world: World) -> None:
        """Have all listed but the pods."""
        for kind in KINDS:
            if kind != "Pod":
                self.list(kind, world)

    def limits(self) -> Limits:
        """Return what falls short where the policy's stand."""
        picture = self.context.picture
        return self.isolation.limits(picture.policies["strict"], [*picture.namespaces.values()])

    def ask(self, version: int, **network: object) -> None:
        """Have the policy be so."""
        asked = policy("strict", LABELS, network={"mode": "Enforce", **network})
        asked["metadata"] |= {"uid": "p", "resourceVersion": str(version), "generation": version}
        self.context.picture.see_policy(asked, gone=False)

    def list(self, kind: str, world: World | None = None) -> None:
        """Have a kind be listed."""
        manifests = world.manifests if world is not None else []
        data = [json.dumps(each).encode() for each in manifests if each["kind"] == kind]
        fan = self.feeds._open(_Feed(kind, (self.surveyor.name,))).copy
        fan.replace([len(each).to_bytes(4) + each for each in data])

    @property
    def is_hurried(self) -> bool:
        """Whether pods are watched by now."""
        return any(each.kind == "Pod" for each in self.feeds._watches.wanted)

    async def _rest(self, _: float) -> None:
        await asyncio.Event().wait()


@pytest.fixture
async def desk(context: Context) -> Desk:
    made = Desk(context, World())
    made.ask(1)
    return made


def _bound() -> World:
    world = World()
    world.api_server()
    world.bind("shop", "reader")
    world.pod("shop/reader", {"app": "reader"}, account="reader", token=True)
    return world


def _exposed() -> World:
    world = World()
    world.api_server()
    world.service("shop/web", {"app": "web"}, [{"port": 80, "protocol": "TCP"}])
    backend = {"service": {"name": "web", "port": {"number": 80}}}
    world.add("Ingress", "networking.k8s.io/v1", "shop/web", spec={"defaultBackend": backend})
    return world


async def test_where_nobody_has_a_role_nobody_waits_for_pods(desk: Desk) -> None:
    assert await desk.isolation.keep("strict") == (["bank", "shop"], [])
    assert not desk.is_hurried
    assert desk.limits().unlisted == ["Pod"]
    desk.list("Pod")
    assert await desk.context.statuses.get() == Key("status", "strict")
    assert not desk.limits().unlisted


async def test_who_depends_on_pods_waits_for_them(desk: Desk) -> None:
    for kind in ("EndpointSlice", "RoleBinding"):
        desk.list(kind, _bound())
    problem = f"{_UNLISTED}, in shop"
    assert await desk.isolation.keep("strict") == (["bank"], [problem])
    assert desk.is_hurried
    assert {home for home, _ in desk.objects.applied} == {"bank"}
    desk.list("Pod", _bound())
    assert await desk.isolation.keep("strict") == (["bank", "shop"], [])
    roles = {name.split("-", 2)[2] for home, name in desk.objects.applied if home == "shop"}
    assert any(each.startswith("api-server") for each in roles)


async def test_what_stands_where_nobody_knows_is_left(desk: Desk) -> None:
    await desk.isolation.keep("strict")
    stood = set(desk.context.picture.objects)
    desk.list("RoleBinding", _bound())
    desk.ask(2, allow={"dns": False})
    _, problems = await desk.isolation.keep("strict")
    assert problems == [f"{_UNLISTED}, in shop"]
    assert {each for each in stood if each[1] == "shop"} <= set(desk.context.picture.objects)
    assert not any(home == "shop" for home, _ in desk.objects.deleted)
    with pytest.raises(Exception, match=_UNLISTED):
        await desk.isolation.keep_at("shop", ["strict"])


async def test_who_had_to_wait_is_looked_at_when_they_are_listed(desk: Desk) -> None:
    for kind in ("EndpointSlice", "RoleBinding"):
        desk.list(kind, _bound())
    await desk.isolation.keep("strict")
    desk.list("Pod", _bound())
    assert await desk.context.queue.get() == Key("network", "shop")


async def test_what_was_made_without_pods_is_made_anew_for_who_depends_on_them_by_now(
    desk: Desk,
) -> None:
    desk.list("EndpointSlice", _bound())
    await desk.isolation.keep("strict")
    desk.list("RoleBinding", _bound())
    desk.list("Pod", _bound())
    assert await desk.context.queue.get() == Key("network", "shop")
    # Not by what was known of it before.
    await desk.isolation.keep_at("shop", ["strict"])
    roles = {name.split("-", 2)[2] for home, name in desk.objects.applied if home == "shop"}
    assert any(each.startswith("api-server") for each in roles)


@pytest.mark.parametrize("asked", [{"isolate": ["Ingress"]}, {"allow": {"apiServer": "All"}}])
async def test_who_asks_for_nothing_that_depends_on_pods_does_not_wait(
    desk: Desk, asked: dict[str, object]
) -> None:
    for kind in ("EndpointSlice", "RoleBinding"):
        desk.list(kind, _bound())
    desk.ask(2, **asked)
    assert await desk.isolation.keep("strict") == (["bank", "shop"], [])


async def test_what_changes_meanwhile_is_followed(desk: Desk) -> None:
    desk.ask(2, allow=_EXPOSES)
    await desk.isolation.keep("strict")
    task = asyncio.create_task(desk.surveyor.run(desk.isolation.note_changes))
    for kind in ("Service", "Ingress"):
        desk.list(kind, _exposed())
    while (key := await desk.context.queue.get()) != Key("network", "shop"):
        desk.context.queue.done(key)
    assert not desk.is_hurried
    task.cancel()


async def test_what_others_open_is_known_as_soon_as_all_is_listed(context: Context) -> None:
    desk = Desk(context)
    desk.ask(1)
    opening = World()
    spec: dict[str, object] = {"podSelector": {}, "ingress": [{}]}
    opening.add("NetworkPolicy", "networking.k8s.io/v1", "shop/open", spec=spec)
    for kind in set(KINDS) - LATE:
        desk.list(kind, opening)
    await desk.isolation.keep("strict")
    desk.list("Pod")
    assert desk.limits().unlisted == ["NetworkPolicy"]
    assert not desk.context.statuses._due
    desk.list("NetworkPolicy", opening)
    assert await desk.context.statuses.get() == Key("status", "strict")
    assert desk.limits().opened
    assert not desk.limits().unlisted


async def test_one_namespace_that_has_to_wait_holds_up_no_other(desk: Desk) -> None:
    for kind in ("EndpointSlice", "RoleBinding"):
        desk.list(kind, _bound())
    desk.isolation.most_s = 3600
    with pytest.raises(KubeError, match=_UNLISTED):
        await desk.isolation.keep_at("shop", ["strict"])
    assert desk.is_hurried


async def test_who_waits_for_nothing_knows_nothing_of_the_cluster(context: Context) -> None:
    """Else what was made for quarantine alone, before anything was listed, would be gone by."""
    desk = Desk(context)
    quarantining = policy("quarantining", LABELS, runtime=RESPOND)
    quarantining["metadata"] |= {"uid": "q", "resourceVersion": "1", "generation": 1}
    context.picture.see_policy(quarantining, gone=False)
    assert await desk.isolation.keep("quarantining") == (["bank", "shop"], [])
    desk.list_most(_exposed())
    desk.ask(1, allow=_EXPOSES)
    assert await desk.isolation.keep("strict") == (["bank", "shop"], [])
    assert any("exposed" in name for home, name in desk.objects.applied if home == "shop")


async def test_a_role_that_is_given_meanwhile_hurries(desk: Desk) -> None:
    await desk.isolation.keep("strict")
    task = asyncio.create_task(desk.surveyor.run(lambda _: None))
    desk.list("RoleBinding", _bound())
    await until(lambda: desk.is_hurried)
    task.cancel()


@pytest.fixture
async def resting(context: Context) -> AsyncIterator[tuple[Feeds, Cluster, asyncio.Event]]:
    """Give feeds that run, their cluster, and what tells that there is time."""
    time = asyncio.Event()

    async def rest(_: float) -> None:
        await time.wait()

    feeds = Feeds(asyncio.get_running_loop().time, context.log.complain, rest)
    cluster = Cluster(context.kube, 1)
    task = asyncio.create_task(feeds.run(cluster))
    yield feeds, cluster, time
    assert not task.done()
    task.cancel()


async def test_pods_are_listed_when_there_is_time(
    resting: tuple[Feeds, Cluster, asyncio.Event],
) -> None:
    feeds, cluster, time = resting
    notes = _Notes("name")
    feeds.want(notes, {"Pod"})
    for _ in range(5):
        await asyncio.sleep(0)
    assert cluster.asked == []
    time.set()
    await until(lambda: feeds.is_listed(notes, "Pod"))
    assert cluster.asked == [PODS]


async def test_pods_are_listed_at_once_for_who_needs_them(
    resting: tuple[Feeds, Cluster, asyncio.Event],
) -> None:
    feeds, cluster, _ = resting
    notes = _Notes("name")
    feeds.want(notes, {"Pod"})
    feeds.hurry()
    await until(lambda: feeds.is_listed(notes, "Pod"))
    assert cluster.asked == [PODS]
