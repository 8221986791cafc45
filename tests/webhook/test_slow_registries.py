"""A registry that is slow, or means to be, is in nobody's way but its own images'."""

import asyncio
from datetime import UTC, datetime

import pytest
from aiohttp import web

from revet.webhook import signatures
from tests.support.manifests import Manifest, container, pod
from tests.support.registry import image
from tests.support.sigstore.world import Sigstore, public_pem, statement
from tests.webhook.harness import until
from tests.webhook.registries import CA, Pinning
from tests.webhook.test_signatures import KEY, UNLOGGED, attach


class Held:
    """Keeps requests waiting."""

    def __init__(self) -> None:
        self.waiting = 0
        self._ends = asyncio.Event()

    async def answer(self, _: web.Request) -> web.StreamResponse:
        """Answer that there is nothing, in the end."""
        self.waiting += 1
        await self._ends.wait()
        return web.Response(status=404)

    def end(self) -> None:
        """Let all of them go."""
        self._ends.set()


def demand(world: Pinning) -> str:
    """Ask for signatures of all images, of two registries; return the second's name."""
    other = world.registry.host.replace("127.0.0.1", "localhost")
    hosts = [
        {"host": each, "caRef": {"configMapRef": {"name": CA.name, "key": "ca.crt"}}}
        for each in (world.registry.host, other)
    ]
    rule = {
        "name": "ci",
        "images": ["*"],
        "anyOf": [{"key": {"pem": public_pem(KEY)}}],
        "transparencyLog": "Ignored",
    }
    world.know({"digest": "Disabled", "hosts": hosts, "verify": [rule]})
    return other


def push(world: Pinning, name: str, held: Held | None = None) -> str:
    """Push an image of a repository of its own; return the reference without the host."""
    digest = world.registry.push(name, image(name))
    if held is not None:
        world.registry.instead[f"/v2/{name}/referrers/{digest}"] = held.answer
    return f"{name}@{digest}"


def pod_of(host: str, name: str) -> Manifest:
    """Write a Pod of an image."""
    return pod("web", container(image=f"{host}/{name}"))


async def test_others_are_judged_while_one_registry_is_slow(
    world: Pinning, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signatures, "_MOST_RUNNING", 2)
    other, held = demand(world), Held()
    host = world.registry.host
    slow = [push(world, f"slow-{number}", held) for number in range(2)]
    waiting = asyncio.gather(*(world.validate(pod_of(host, each)) for each in slow))
    await until(lambda: held.waiting == 2)
    third = await world.validate(pod_of(host, push(world, "third")))
    assert f"{host}: too many of its images are verified at once" in third["status"]["message"]
    elsewhere = await world.validate(pod_of(other, push(world, "elsewhere")))
    assert 'no signature by "ci"' in elsewhere["status"]["message"]
    held.end()
    assert all('no signature by "ci"' in each["status"]["message"] for each in await waiting)
    after = await world.validate(pod_of(host, push(world, "third")))
    assert 'no signature by "ci"' in after["status"]["message"]


async def test_nobody_has_a_turn_for_ever(world: Pinning, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signatures, "_MOST_AT_ONCE", 1)
    monkeypatch.setattr(signatures, "_LONGEST_S", 0.2)
    demand(world)
    held = Held()
    sigstore = Sigstore(datetime.now(UTC).replace(microsecond=0))
    attach(world, sigstore.keyed(statement(world.digest()), KEY, UNLOGGED))
    host = world.registry.host
    stuck = asyncio.ensure_future(world.validate(pod_of(host, push(world, "stuck", held))))
    await until(lambda: held.waiting == 1)
    good = await world.validate(pod_of(host, f"app@{world.digest()}"))
    assert good["allowed"] is True
    assert "gave no answer in time" in (await stuck)["status"]["message"]
    held.end()
