"""Follows which replicas of a Service are ready: by one watch, so that nothing is read at rest."""

import asyncio
from collections.abc import Sequence

import msgspec

from revet.adapters.kube import Collection
from revet.adapters.objects import path_of
from revet.adapters.watcher import Freshness, Watcher
from revet.core.model.meta import Manifest
from revet.operator.context import Context
from revet.operator.prober import Replica, ready_urls


class Replicas:
    """The replicas behind a Service; while the watch is broken, those that were ready before it."""

    def __init__(self, service: str, namespace: str) -> None:
        """Know of none yet."""
        self._service = service
        self._namespace = namespace
        self._by_slice: dict[str, list[Replica]] = {}

    @property
    def ready(self) -> list[Replica]:
        """Those that are ready; one that is in two slices, as one on its move is, once."""
        return list(dict.fromkeys(each for found in self._by_slice.values() for each in found))

    async def follow(self, context: Context) -> None:
        """Watch until cancelled."""
        freshness = Freshness(asyncio.get_running_loop().time)
        selector = f"kubernetes.io/service-name={self._service}"
        collection = Collection(path_of("EndpointSlice", self._namespace), selector=selector)
        await Watcher(context.kube, collection, self, freshness, context.log.complain).run()

    def replace(self, objects: Sequence[bytes]) -> None:
        """Take these slices for all there are."""
        self._by_slice.clear()
        for data in objects:
            self.put(data)

    def put(self, data: bytes) -> None:
        """Take a slice that is new or has changed."""
        manifest: Manifest = msgspec.json.decode(data)
        name = f"{self._service}.{self._namespace}.svc"
        found = [Replica(url, name) for url in ready_urls(manifest)]
        self._by_slice[manifest["metadata"]["name"]] = found

    def drop(self, data: bytes) -> None:
        """Forget a slice."""
        manifest: Manifest = msgspec.json.decode(data)
        self._by_slice.pop(manifest["metadata"]["name"], None)
