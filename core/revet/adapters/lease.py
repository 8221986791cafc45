"""The Lease of a leader: upstream's lock, for which an API server that is away is a failed try.

Upstream's lets the error of a broken connection end the election, and waits for a hung server for
minutes, while the Lease is somebody else's already.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import aiohttp
from kubernetes.aio.client.api_client import ApiClient
from kubernetes.aio.client.exceptions import ApiException
from kubernetes.aio.client.models.v1_lease import V1Lease
from kubernetes.aio.client.models.v1_object_meta import V1ObjectMeta
from kubernetes.aio.client.models.v1_owner_reference import V1OwnerReference
from kubernetes.aio.leaderelection.leaderelectionrecord import LeaderElectionRecord
from kubernetes.aio.leaderelection.resourcelock.leaselock import LeaseLock

from revet.adapters.kube import KubeError
from revet.core.model.meta import MANAGED_BY, Owner

#: For one request; a try is two of them.
REQUEST_S: Final = 1.5
_NO_ANSWER: Final = (aiohttp.ClientError, OSError, TimeoutError)


class Lease(LeaseLock):
    """A lock that says what failed, and raises nothing.

    `when_taken` is called each time that somebody else is found to hold it. `owner` gives the
    object that takes the Lease with it when it goes; without one no Lease is made.
    """

    def __init__(
        self,
        name: str,
        namespace: str,
        identity: str,
        client: ApiClient,
        owner: Callable[[], Awaitable[Owner]],
    ) -> None:
        super().__init__(name, namespace, identity, client)
        self._owner = owner
        self.when_taken: Callable[[], None] = lambda: None

    async def get(
        self, name: str, namespace: str
    ) -> tuple[bool, LeaderElectionRecord] | tuple[bool, Exception] | tuple[bool, None]:
        """Read who holds it."""
        try:
            async with asyncio.timeout(REQUEST_S):
                found = await super().get(name, namespace)
        except _NO_ANSWER as error:
            return False, ApiException(reason=str(error) or type(error).__name__)
        _, record = found
        if isinstance(record, LeaderElectionRecord) and record.holder_identity not in {
            None,
            self.identity,
        }:
            self.when_taken()
        return found

    async def create(
        self, name: str, namespace: str, election_record: LeaderElectionRecord
    ) -> bool:
        """Make it, as the holder; upstream's asks in a way that its own client refuses."""
        spec = self.update_lease(election_record)
        try:
            async with asyncio.timeout(REQUEST_S):
                body = V1Lease(metadata=_metadata(name, await self._owner()), spec=spec)
                await self.api_instance.create_namespaced_lease(namespace, body)
        except (ApiException, KubeError, *_NO_ANSWER):
            return False
        return True

    async def update(self, name: str, namespace: str, updated_record: LeaderElectionRecord) -> bool:
        """Take it, or hold it on."""
        try:
            async with asyncio.timeout(REQUEST_S):
                return await super().update(name, namespace, updated_record)
        except _NO_ANSWER:
            return False


def _metadata(name: str, owner: Owner) -> V1ObjectMeta:
    reference = V1OwnerReference(
        api_version=owner.api_version, kind=owner.kind, name=owner.name, uid=owner.uid
    )
    return V1ObjectMeta(name=name, labels=dict(MANAGED_BY), owner_references=[reference])
