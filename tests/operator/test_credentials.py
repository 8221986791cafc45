"""The webhook's Secrets: written where they are not as they should be, and only there."""

from dataclasses import replace

import pytest

from revet.core.model.meta import Manifest, Owner
from revet.operator.context import Context
from revet.operator.credentials import CA_SECRET, TLS_SECRET, Credentials
from tests.operator.test_writer import Written

OWNER = Owner("rbac.authorization.k8s.io/v1", "ClusterRole", "revet-operator", "one")


class Secrets(Written):
    """Secrets that stand as they were applied."""

    def __init__(self) -> None:
        super().__init__()
        self.stored: dict[str, Manifest] = {}
        self.applied: list[str] = []

    async def get(self, kind: str, name: str, namespace: str = "") -> Manifest | None:
        """Give a Secret."""
        assert (kind, namespace) == ("Secret", "revet-system")
        return self.stored.get(name)

    async def apply(self, manifest: Manifest, subresource: str = "") -> Manifest:
        """Store a Secret."""
        name = manifest["metadata"]["name"]
        self.applied.append(name)
        self.stored[name] = await super().apply(manifest, subresource)
        return self.stored[name]


@pytest.fixture
def secrets() -> Secrets:
    return Secrets()


@pytest.fixture
def credentials(context: Context, secrets: Secrets) -> Credentials:
    return Credentials(replace(context, objects=secrets))


async def test_what_stands_is_not_written(credentials: Credentials, secrets: Secrets) -> None:
    trust = await credentials.keep(OWNER, set())
    assert secrets.applied == [CA_SECRET, TLS_SECRET]
    assert await credentials.keep(OWNER, {trust.bundle}) == trust
    assert secrets.applied == [CA_SECRET, TLS_SECRET]


async def test_the_owner_of_an_installation_before_this_one_is_replaced(
    credentials: Credentials, secrets: Secrets
) -> None:
    """What it owned is collected, some time after it went."""
    before = await credentials.keep(OWNER, set())
    secrets.applied.clear()
    new = replace(OWNER, uid="two")
    assert await credentials.keep(new, {before.bundle}) == before
    assert secrets.applied == [CA_SECRET, TLS_SECRET]
    owners = [each["metadata"]["ownerReferences"] for each in secrets.stored.values()]
    assert owners == [[new.reference]] * 2


@pytest.mark.parametrize("name", [CA_SECRET, TLS_SECRET])
async def test_one_that_was_deleted_is_written_again(
    credentials: Credentials, secrets: Secrets, name: str
) -> None:
    await credentials.keep(OWNER, set())
    secrets.applied.clear()
    del secrets.stored[name]
    await credentials.keep(OWNER, set())
    assert name in secrets.applied
    assert secrets.stored.keys() == {CA_SECRET, TLS_SECRET}
