"""The Lease while the API server is away or hangs: a failed try, in good time, and no error."""

import asyncio
import socket
from collections.abc import Iterator

import pytest
from kubernetes.aio.client.api_client import ApiClient
from kubernetes.aio.client.configuration import Configuration
from kubernetes.aio.client.exceptions import ApiException
from kubernetes.aio.client.models.v1_lease import V1Lease
from kubernetes.aio.leaderelection.leaderelectionrecord import LeaderElectionRecord

from revet.adapters.lease import REQUEST_S, Lease
from revet.core.model.meta import Owner

NOW = "2026-11-22 06:00:00.5"
RECORD = LeaderElectionRecord("me", "15", NOW, NOW)


@pytest.fixture(params=["away", "hung"])
def server(request: pytest.FixtureRequest) -> Iterator[str]:
    """Give the address of a server that refuses connections, or takes them and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        if request.param == "away":
            listener.close()
            yield "http://127.0.0.1:9"
        else:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"


async def _owner() -> Owner:
    return Owner("rbac.authorization.k8s.io/v1", "ClusterRole", "revet-operator", "4f")


async def _try(server: str) -> tuple[object, bool, bool]:
    async with ApiClient(Configuration(host=server)) as client:
        lease = Lease("revet-operator", "revet-system", "me", client, _owner)
        lease.lease_reference = V1Lease()
        return (
            await lease.get("revet-operator", "revet-system"),
            await lease.create("revet-operator", "revet-system", RECORD),
            await lease.update("revet-operator", "revet-system", RECORD),
        )


async def _try_in_time(server: str) -> tuple[object, bool, bool]:
    async with asyncio.timeout(3 * REQUEST_S + 2):
        return await _try(server)


def test_no_answer_is_a_failed_try(server: str) -> None:
    got, made, held = asyncio.run(_try_in_time(server))
    assert isinstance(got, tuple)
    assert got[0] is False
    # The election looks at these two, to tell whether there is no Lease yet.
    assert isinstance(got[1], ApiException)
    assert (bool(got[1].reason), got[1].body) == (True, None)
    assert (made, held) == (False, False)
