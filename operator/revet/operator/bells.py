"""Rings when something changes that is read when it is needed, and not kept: no polling at rest.

Our Secrets, which may be watched by their names only, the owner of what we make, and the
replicas of the webhook.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from revet.adapters.kube import Collection
from revet.adapters.objects import path_of
from revet.adapters.watcher import Freshness, Watcher
from revet.operator.context import Context
from revet.operator.credentials import CA_SECRET, INGEST_SECRET, TLS_SECRET
from revet.operator.picture import CLUSTER

_REFUSED_S: Final = 600.0


async def listen(context: Context, replicas_changed: Callable[[], None]) -> None:
    """Have looked again at what all policies share, and at the replicas, until cancelled."""
    settings = context.settings

    def look_again() -> None:
        context.queue.add(CLUSTER)

    secrets = path_of("Secret", settings.namespace)
    bells = [
        (Collection(secrets, fields=f"metadata.name={name}", metadata_only=True), look_again)
        for name in (CA_SECRET, TLS_SECRET, *([INGEST_SECRET] if settings.has_ingest else []))
    ]
    owner = Collection(
        path_of("ClusterRole"), fields=f"metadata.name={settings.owner}", metadata_only=True
    )
    bells.append((owner, look_again))
    if settings.webhook_url is None:
        selector = f"kubernetes.io/service-name={settings.service}"
        slices = path_of("EndpointSlice", settings.namespace)
        bells.append((Collection(slices, selector=selector), replicas_changed))
    clock = asyncio.get_running_loop().time
    async with asyncio.TaskGroup() as tasks:
        for collection, ring in bells:
            watcher = Watcher(
                context.kube,
                collection,
                _Bell(ring),
                Freshness(clock),
                context.log.complain,
                refused_s=_REFUSED_S,
            )
            tasks.create_task(watcher.run())


class _Bell:
    """What a watch feeds: nothing is kept of it."""

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring

    def replace(self, objects: Sequence[bytes]) -> None:  # noqa: ARG002 -- that they were listed
        """Ring."""
        self._ring()

    def put(self, data: bytes) -> None:  # noqa: ARG002 -- as above
        """Ring."""
        self._ring()

    def drop(self, data: bytes) -> None:  # noqa: ARG002 -- as above
        """Ring."""
        self._ring()
