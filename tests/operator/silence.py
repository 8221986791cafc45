"""An API server on which nothing happens."""

import asyncio
from collections.abc import AsyncIterator, Callable

from revet.adapters.kube import Collection, Kube, WatchEvent


class Silence(Kube):
    """Tells watches nothing; what it lists, a test says."""

    async def watch(
        self,
        collection: Collection,  # noqa: ARG002 -- as its twin
        version: str,  # noqa: ARG002 -- as its twin
        silence_s: float,  # noqa: ARG002 -- as its twin
        taken_up: Callable[[], None],  # noqa: ARG002 -- as its twin
    ) -> AsyncIterator[WatchEvent]:
        """Tell nothing."""
        await asyncio.Event().wait()
        yield WatchEvent("BOOKMARK")
