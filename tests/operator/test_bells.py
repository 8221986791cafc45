"""What rings when it changes, so that nobody has to look at it now and then."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from revet.adapters.kube import Collection, Kube
from revet.operator.bells import listen
from revet.operator.context import Context
from revet.operator.picture import CLUSTER
from tests.operator.silence import Silence
from tests.webhook.harness import until

_WEBHOOKS = {"metadata.name=revet-webhook-ca", "metadata.name=revet-webhook-tls"}
_INGESTS = "metadata.name=revet-ingest-tls"


class Silent(Silence):
    """An API server with nothing on it, on which nothing happens."""

    def __init__(self, kube: Kube) -> None:
        super().__init__(kube.client)
        self.asked: set[str] = set()

    async def list(
        self, collection: Collection, trim: Callable[[bytes], bytes] = bytes
    ) -> tuple[Sequence[bytes], str]:
        """Give nothing, and note who was asked for."""
        del trim
        self.asked.add(collection.fields or collection.selector)
        return [], "1"


@pytest.mark.parametrize("ingest", [None, "revet-ingest"])
async def test_the_secret_of_the_ingest_rings_where_there_is_one(
    context: Context, ingest: str | None
) -> None:
    kube = Silent(context.kube)
    settings = replace(context.settings, ingest_service=ingest)
    rung = asyncio.Event()
    task = asyncio.create_task(listen(replace(context, kube=kube, settings=settings), rung.set))
    expected = {*_WEBHOOKS, "metadata.name=o", "kubernetes.io/service-name=s"}
    expected |= {_INGESTS} if ingest else set()
    await until(lambda: len(kube.asked) >= len(expected))
    assert kube.asked == expected
    assert await context.queue.get() == CLUSTER
    await until(rung.is_set)
    assert not task.done()
    task.cancel()
