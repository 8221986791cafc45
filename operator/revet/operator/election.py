"""The election of the leader, by a Lease; who leads no more stops its work first, then says so."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import aiohttp
from kubernetes.aio.client.exceptions import ApiException
from kubernetes.aio.leaderelection import electionconfig, leaderelection
from kubernetes.aio.leaderelection.leaderelectionrecord import LeaderElectionRecord

from revet.adapters.lease import REQUEST_S, Lease

_LEASE_S: Final = 15
# Others may take the Lease 15 s after it was renewed. We have ended by then: 2 s of rest, 9 s of
# trying, and two requests.
_RENEW_S: Final = 9
_RETRY_S: Final = 2


async def elect(
    lease: Lease, lead: Callable[[], Awaitable[None]], lost: Callable[[], None]
) -> None:
    """Take part in the election until cancelled; `lead` while elected, `lost` when no more.

    However this ends, the work has ended before, and the Lease is left to others if it is ours.
    """
    work: list[asyncio.Task[None]] = []

    async def begin() -> None:
        task = asyncio.current_task()
        if task is not None:
            work.append(task)
        # Upstream's goes on beside the new leader until it has tried in vain for long: after it was
        # hung, or cut off.
        lease.when_taken = lost
        await lead()

    async def end() -> None:
        lost()

    election = electionconfig.Config(
        lease, _LEASE_S, _RENEW_S, _RETRY_S, onstarted_leading=begin, onstopped_leading=end
    )
    try:
        await leaderelection.LeaderElection(election).run()
    finally:
        # Upstream's leaves the work running when it is cancelled itself.
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)
        await give_back(lease)


async def give_back(lease: Lease) -> None:
    """Leave the Lease to others at once if it is ours: else they wait until it has run out."""
    _, record = await lease.get(lease.name, lease.namespace)
    if not isinstance(record, LeaderElectionRecord) or record.holder_identity != lease.identity:
        return
    held = lease.lease_reference
    if held is None or held.spec is None:
        return
    held.spec.holder_identity = None
    try:
        async with asyncio.timeout(REQUEST_S):
            await lease.api_instance.replace_namespaced_lease(lease.name, lease.namespace, held)
    except (ApiException, aiohttp.ClientError, OSError, TimeoutError):
        return  # it runs out
