"""The tag moves between the two calls of one admission, which two replicas may answer."""

import pytest

from revet.core.model.meta import PINNED_ANNOTATION
from tests.support.manifests import Manifest, container, pod
from tests.support.registry import image
from tests.support.reviews import messages
from tests.webhook.registries import Pinning


@pytest.fixture
async def made(world: Pinning) -> Manifest:
    """Give a Pod that one replica has pinned, before the tag was moved."""
    made = await world.mutate(pod("web", container(image=world.reference())))
    world.registry.push("app", image("two"), "1")
    return made


async def test_the_replica_stands_by_what_it_pinned(world: Pinning, made: Manifest) -> None:
    assert (await world.validate(made))["allowed"] is True


async def test_another_replica_refuses(world: Pinning, made: Manifest) -> None:
    world.replica()
    text = messages(await world.validate(made))
    assert f"and now {world.reference()} is {world.digest()}" in text
    assert "fix: try again: the tag was moved while this was admitted" in text


async def test_one_that_knew_the_old_asks_again(world: Pinning, made: Manifest) -> None:
    first = world.images
    world.replica()
    new = await world.mutate(pod("web", container(image=world.reference())))
    world.webhook.images = first
    assert (await world.validate(new))["allowed"] is True
    assert made != new


async def test_later_it_is_a_pod_like_any_other(world: Pinning, made: Manifest) -> None:
    now = world.wall()
    world.wall = lambda: now + 61
    world.replica()
    assert (await world.validate(made))["allowed"] is True
    assert len(world.registry.asked) == 1


@pytest.mark.parametrize("note", ["", "soon", "9" * 400, "1"])
async def test_a_note_that_says_nothing(world: Pinning, made: Manifest, note: str) -> None:
    made["metadata"]["annotations"][PINNED_ANNOTATION] = note
    world.replica()
    assert (await world.validate(made))["allowed"] is True
