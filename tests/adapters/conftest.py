"""A registry on loopback, and a client that trusts it."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from e2e.cluster.certificates import Authority
from revet.adapters.registry.client import Registry
from revet.adapters.registry.credentials import CredentialSource
from revet.adapters.registry.endpoints import Endpoint, Endpoints
from revet.adapters.registry.error import RegistryError
from tests.support.registry import FakeRegistry, serving

MakeClient = Callable[..., Registry]
SECRET = "s3cret-body"  # noqa: S105 -- what must not be told


@pytest.fixture(scope="module")
def authority() -> Authority:
    """Give a CA that nobody trusts but whom we tell."""
    return Authority("registries")


@pytest.fixture
async def server(authority: Authority) -> AsyncIterator[FakeRegistry]:
    """Give an empty registry."""
    async with serving(FakeRegistry(), authority) as registry:
        yield registry


@pytest.fixture
async def other(authority: Authority) -> AsyncIterator[FakeRegistry]:
    """Give a second one; by the name of localhost it is on another host than the first."""
    async with serving(FakeRegistry(), authority) as registry:
        registry.host = registry.host.replace("127.0.0.1", "localhost")
        yield registry


@pytest.fixture
async def client(
    server: FakeRegistry, other: FakeRegistry, authority: Authority
) -> AsyncIterator[MakeClient]:
    """Give a maker of clients that know the first registry, and what else they are told."""
    made: list[Registry] = []

    def make(
        credentials: CredentialSource | None = None,
        *,
        mirrors: tuple[str, ...] = (),
        names_other: bool = False,
        trusts: bool = True,
        timeout_s: float = 10.0,
    ) -> Registry:
        ca = authority.ca_pem.decode() if trusts else ""
        known = [Endpoint(server.host, ca, mirrors)]
        known += [Endpoint(other.host, ca)] if names_other else []
        endpoints = Endpoints([], known)
        made.append(
            Registry.connect(endpoints, asyncio.get_running_loop().time, credentials, timeout_s)
        )
        return made[-1]

    yield make
    for each in made:
        await each.close()


async def refused(client: MakeClient, server: FakeRegistry, text: str, tag: str = "1") -> None:
    """Ask for a tag: the failure must name the registry, and tell nothing of its answer."""
    with pytest.raises(RegistryError, match=text) as caught:
        await client().resolve(f"{server.host}/app:{tag}")
    assert caught.value.host == server.host
    assert SECRET not in str(caught.value)
