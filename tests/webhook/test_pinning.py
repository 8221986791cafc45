"""Tags become digests on Pods: what is asked, patched, refused, and what where nobody answers."""

import asyncio
import json

import pytest
from aiohttp import web

from revet.adapters.registry.tags import FRESH_S, STALE_S
from revet.core.model.meta import PINNED_ANNOTATION
from revet.webhook.images import MOST_QUESTIONS
from tests.support.manifests import container, pod, workload
from tests.support.registry import always, image
from tests.support.reviews import messages
from tests.webhook.harness import until
from tests.webhook.registries import Pinning, images_of

TAGS = "/v2/app/manifests/1"


async def test_all_images_of_a_pod_are_pinned(world: Pinning) -> None:
    app = world.reference()
    manifest = pod(
        "web",
        container(image=app),
        container("side", image=app),
        initContainers=[container("init", image=app)],
        volumes=[{"name": "data", "image": {"reference": app}}],
    )
    made = await world.mutate(manifest)
    pinned = f"{app}@{world.digest()}"
    assert images_of(made) == [pinned] * 4
    assert made["metadata"]["annotations"][PINNED_ANNOTATION].split(" ")[1:] == [pinned]
    assert "/spec/volumes/0/image/reference" in world.annotations["patched"]
    assert (await world.validate(made))["allowed"] is True
    assert world.registry.paths() == [TAGS]


async def test_pinning_again_changes_nothing(world: Pinning) -> None:
    made = await world.mutate(pod("web", container(image=world.reference())))
    assert await world.mutate(made) == made


async def test_a_second_container_is_noted_beside_the_first(world: Pinning) -> None:
    made = await world.mutate(pod("web", container(image=world.reference())))
    world.registry.push("side", image("two"), "2")
    made["spec"]["containers"].append(container("side", image=world.reference("side:2")))
    again = await world.mutate(made)
    noted = again["metadata"]["annotations"][PINNED_ANNOTATION].split(" ")[1:]
    assert sorted(noted) == sorted(images_of(again))
    assert len(noted) == 2


@pytest.mark.parametrize("field", ["enforcement", "podSelector", "digest"])
async def test_nobody_is_asked_for_a_pod_that_nobody_pins(world: Pinning, field: str) -> None:
    other: dict[str, dict[str, object]] = {
        "enforcement": {"enforcement": "Warn"},
        "podSelector": {"podSelector": {"matchLabels": {"app": "other"}}},
        "digest": {"images": {"digest": "Require", "hosts": []}},
    }
    mutating = world.path
    world.know(**other[field])  # type: ignore[arg-type] # a table of parts
    world.path = mutating
    manifest = pod("web", container(image=world.reference()))
    assert await world.mutate(manifest) == manifest
    await world.validate(manifest)
    assert world.registry.asked == []


async def test_nobody_is_asked_for_a_pod_that_has_its_digest(world: Pinning) -> None:
    manifest = pod("web", container(image=f"{world.reference()}@sha256:{'a' * 64}"))
    assert await world.mutate(manifest) == manifest
    assert (await world.validate(manifest))["allowed"] is True
    assert (world.registry.asked, world.answers) == ([], [])


async def test_a_registry_that_no_policy_names_is_not_asked(world: Pinning) -> None:
    response = await world.admit(pod("web", container(image="169.254.169.254/app:1")))
    assert "169.254.169.254 is not asked for it" in messages(response)
    assert world.answers == []


async def test_a_tag_that_is_not_there_is_said_so(world: Pinning) -> None:
    response = await world.admit(pod("web", container(image=world.reference("app:2"))))
    told = f"image {world.reference('app:2')} is not there: {world.registry.host}: answered 404"
    assert told in messages(response)


@pytest.mark.parametrize("mode", ["Deny", "Warn", "Audit"])
async def test_an_outage_leads_to_what_the_policy_says(world: Pinning, mode: str) -> None:
    world.know({"onUnknown": mode})
    world.registry.instead[TAGS] = always(lambda: web.Response(status=401))
    response = await world.admit(pod("web", container(image=world.reference())))
    told = f"{world.registry.host}: asks for a login by 'nothing', not known"
    [finding] = json.loads(response["auditAnnotations"]["findings"])
    assert told in finding["message"]
    assert finding["message"].startswith("not checked: needs the digest of image ")
    assert response["allowed"] is (mode != "Deny")
    assert (told in messages(response)) if mode == "Deny" else True
    assert (told in "".join(response.get("warnings", []))) is (mode == "Warn")


async def test_who_is_slow_is_not_waited_for_and_not_asked_twice(world: Pinning) -> None:
    ready = asyncio.Event()
    body = image("one")

    async def be_slow(_: web.Request) -> web.Response:
        await ready.wait()
        kind = json.loads(body)["mediaType"]
        return web.Response(body=body, content_type=kind)

    world.registry.instead[TAGS] = be_slow
    manifest = pod("web", container(image=world.reference()))
    path = world.path + "?timeout=1600ms"
    response = await world.webhook.ask(path, manifest)
    assert f"{world.registry.host}: gave no answer in time" in messages(response)
    ready.set()
    # What went on in the background is there for the next one.
    made = await world.mutate(manifest)
    assert images_of(made) == [f"{world.reference()}@{world.digest()}"]
    assert world.registry.paths() == [TAGS]


async def test_many_at_once_ask_once(world: Pinning) -> None:
    containers = [container(f"c{number}", image=world.reference()) for number in range(8)]
    made = await asyncio.gather(*(world.mutate(pod("web", *containers)) for _ in range(5)))
    assert {each for manifest in made for each in images_of(manifest)} == {
        f"{world.reference()}@{world.digest()}"
    }
    assert world.registry.paths() == [TAGS]


async def test_two_hundred_images_that_nobody_knows(world: Pinning) -> None:
    """Sixteen are asked for at once; who can't wait so long finds it there the next time."""
    tags = [str(number) for number in range(200)]
    world.registry.push("many", image("one"), *tags)
    manifests = [pod("web", container(image=world.reference(f"many:{tag}"))) for tag in tags]

    async def admit_all() -> list[bool]:
        answers = await asyncio.gather(*(world.admit(each) for each in manifests))
        return [answer["allowed"] for answer in answers]

    first = await admit_all()
    assert sum(first) >= 80
    await until(lambda: len(world.registry.asked) == 200)
    assert all(await admit_all())
    assert len(world.registry.asked) == 200


async def test_what_is_known_does_while_the_registry_is_gone(world: Pinning) -> None:
    manifest = pod("web", container(image=world.reference()))
    made = await world.mutate(manifest)
    world.registry.instead[TAGS] = always(lambda: web.Response(status=403))
    again = await world.mutate(manifest)
    assert images_of(again) == images_of(made)
    assert "stale" not in world.annotations
    world.clock.now += FRESH_S + 600
    late = await world.mutate(manifest)
    assert images_of(late) == images_of(made)
    assert world.annotations["stale"] == (
        f"{world.reference()} as of 10 min ago, since {world.registry.host}: answered 403 Forbidden"
    )
    assert (await world.validate(late))["allowed"] is True
    world.clock.now += STALE_S
    assert "answered 403 Forbidden" in messages(await world.admit(manifest))
    assert world.answers == ["asked", "known", "stale", "stale", "unknown", "unknown"]


async def test_a_tag_that_is_gone_is_no_outage(world: Pinning) -> None:
    manifest = pod("web", container(image=world.reference()))
    await world.mutate(manifest)
    del world.registry.manifests["app", "1"]
    world.clock.now += FRESH_S + 1
    assert "is not there" in messages(await world.admit(manifest))


async def test_a_forged_note_lets_nothing_in(world: Pinning) -> None:
    tag = world.reference()
    manifest = pod("web", container(image=tag))
    manifest["metadata"]["annotations"] = {PINNED_ANNOTATION: f"{int(world.wall())} {tag}"}
    response = await world.validate(manifest)
    assert f"image {tag} has no digest" in messages(response)


@pytest.mark.parametrize("kind", ["Deployment", "CronJob"])
async def test_templates_are_judged_and_never_patched(world: Pinning, kind: str) -> None:
    manifest = workload(kind, "web", container(image=world.reference()))
    assert (await world.validate(manifest))["allowed"] is True
    absent = workload(kind, "web", container(image=world.reference("app:2")))
    assert "is not there" in messages(await world.validate(absent))
    world.registry.instead["/v2/app/manifests/3"] = always(lambda: web.Response(status=403))
    unknown = await world.validate(workload(kind, "web", container(image=world.reference("app:3"))))
    assert unknown["allowed"] is True
    assert "answered 403 Forbidden" in unknown["warnings"][0]


async def test_a_debug_container_gets_its_digest(world: Pinning) -> None:
    app = world.reference()
    old = pod("web", container(image=f"{app}@sha256:{'a' * 64}"))
    old["spec"]["ephemeralContainers"] = [container("before", image=app)]
    new = json.loads(json.dumps(old))
    new["spec"]["ephemeralContainers"].append(container("debug", image=app))
    made = await world.mutate(new, old=old, subResource="ephemeralcontainers")
    # What was there before the policy can't be changed.
    assert images_of(made)[1:] == [app, f"{app}@{world.digest()}"]
    assert made["metadata"] == new["metadata"]


async def test_an_image_that_is_changed_is_refused_with_the_digest_to_take(world: Pinning) -> None:
    old = pod("web", container(image=f"{world.reference()}@sha256:{'a' * 64}"))
    new = pod("web", container(image=world.reference()))
    assert await world.mutate(new, old=old) == new
    text = messages(await world.validate(new, old=old))
    assert f"fix: image: {world.reference()}@{world.digest()}" in text


async def test_one_pod_asks_for_so_many_images_and_no_more(world: Pinning) -> None:
    names = [f"app:{number}" for number in range(MOST_QUESTIONS + 1)]
    for name in names:
        world.registry.push("app", image("one"), name.partition(":")[2])
    containers = [container(f"c{name[4:]}", image=world.reference(name)) for name in names]
    text = messages(await world.admit(pod("web", *containers)))
    assert f"no more than {MOST_QUESTIONS} images are looked up for one object" in text
    assert len(world.registry.asked) == MOST_QUESTIONS


async def test_what_a_node_mirrors_is_let_be(world: Pinning) -> None:
    manifest = pod("web", container(image=world.reference()))
    manifest["metadata"]["annotations"] = {"kubernetes.io/config.mirror": "x"}
    groups = ["system:nodes"]
    assert await world.mutate(manifest, groups=groups) == manifest
    assert (await world.validate(manifest, groups=groups))["allowed"] is True
    assert world.registry.asked == []
