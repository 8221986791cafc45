"""How registries are reached: by a policy's ConfigMap and Secret, followed, and by pods' own."""

import pytest

from tests.support.manifests import Manifest, container, pod
from tests.support.reviews import messages
from tests.webhook.harness import until
from tests.webhook.registries import CA, PULL, Pinning, docker_secret, images_of

OWN = "/api/v1/namespaces/shop/secrets/own"


def _pod(world: Pinning, **spec: object) -> Manifest:
    manifest = pod("web", container(image=world.reference()), **spec)
    manifest["metadata"]["namespace"] = "shop"
    return manifest


def _host(world: Pinning, **more: object) -> Manifest:
    ca = {"configMapRef": {"name": CA.name, "key": "ca.crt"}}
    return {"host": world.registry.host, "caRef": ca, **more}


@pytest.fixture
def locked(world: Pinning) -> Pinning:
    """Give a registry that wants a login."""
    world.registry.users = {"me": "secret"}
    return world


async def test_a_policys_secret_is_used_and_followed(locked: Pinning) -> None:
    world = locked
    world.know({"hosts": [_host(world, pullSecretRef={"name": PULL.name})]})
    text = messages(await world.admit(_pod(world)))
    assert "wants a login, and Secret revet-system/pull is not there" in text
    world.tell(PULL, {"data": {"else": ""}})
    text = messages(await world.admit(_pod(world)))
    assert "wants a login, and Secret revet-system/pull has no .dockerconfigjson" in text
    world.tell(PULL, docker_secret(world.registry.host, "me", "secret"))
    made = await world.mutate(_pod(world))
    assert images_of(made) == [f"{world.reference()}@{world.digest()}"]


async def test_a_secret_is_for_its_host_alone(locked: Pinning) -> None:
    world = locked
    other = {"host": "other.example", "pullSecretRef": {"name": PULL.name}}
    world.know({"hosts": [_host(world), other]})
    world.tell(PULL, docker_secret(world.registry.host, "me", "secret"))
    assert "there are no credentials for it" in messages(await world.admit(_pod(world)))
    assert {each.authorization for each in world.registry.asked} == {""}


async def test_a_ca_that_is_not_there_is_no_other(world: Pinning) -> None:
    world.tell(CA, None)
    text = messages(await world.admit(_pod(world)))
    assert f"{world.registry.host}: its CA can't be used" in text
    assert world.registry.asked == []
    world.tell(CA, {"data": {"ca.crt": world.authority.ca_pem.decode()}})
    assert (await world.admit(_pod(world)))["allowed"] is True


async def test_a_pods_own_secrets_are_used_where_the_policy_says(locked: Pinning) -> None:
    world = locked
    world.secrets[OWN] = docker_secret(world.registry.host, "me", "secret")
    mine = _pod(world, imagePullSecrets=[{"name": "gone"}, {"name": "own"}])
    assert "there are no credentials for it" in messages(await world.admit(mine))
    assert world.kube.asked == []
    world.know({"usePodPullSecrets": True, "hosts": [_host(world)]})
    made = await world.mutate(mine)
    assert images_of(made) == [f"{world.reference()}@{world.digest()}"]
    assert world.kube.asked == [OWN.replace("own", "gone"), OWN]
    # What one pod's Secret has shown, another pod is not told.
    text = messages(await world.admit(_pod(world, imagePullSecrets=[{"name": "gone"}])))
    assert "Secret shop/gone can't be read (403)" in text


async def test_who_waits_for_a_reference_goes_on_when_it_comes(world: Pinning) -> None:
    world.know({"hosts": [_host(world, pullSecretRef={"name": "late"})]})
    path = world.path + "?timeout=1600ms"
    text = messages(await world.webhook.ask(path, _pod(world)))
    told = f"{world.registry.host}: Secret revet-system/late has not been read yet"
    assert told in text
    world.tell(PULL._replace(name="late"), None)
    await until(lambda: world.registry.asked)
    assert (await world.admit(_pod(world)))["allowed"] is True


async def test_a_reference_for_one_host_keeps_nobody_from_another(world: Pinning) -> None:
    other = {"host": "other.example", "pullSecretRef": {"name": "late"}}
    world.know({"hosts": [_host(world), other]})
    assert (await world.admit(_pod(world)))["allowed"] is True
