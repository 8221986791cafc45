"""The operator's means, as main makes them, with objects that are only remembered."""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime

import pytest
from kubernetes.aio.client.api_client import ApiClient

from revet.adapters.address import Address
from revet.adapters.events import EventRecorder
from revet.adapters.kube import Kube
from revet.adapters.log import Log
from revet.operator import canary
from revet.operator.context import Context
from revet.operator.feeds import Feeds
from revet.operator.metrics import Metrics
from revet.operator.picture import Picture
from revet.operator.queue import Queue
from revet.operator.settings import Settings
from revet.operator.writer import Writer
from tests.operator.canary_desk import Desk
from tests.operator.surveys import listed_surveyor
from tests.operator.test_writer import Written


@pytest.fixture
def output() -> io.BytesIO:
    return io.BytesIO()


@pytest.fixture
async def context(output: io.BytesIO) -> AsyncIterator[Context]:
    clock = asyncio.get_running_loop().time
    objects, picture, queue = Written(), Picture(), Queue(clock)
    address = Address("127.0.0.1", 0)
    names = frozenset[str]()
    settings = Settings("revet-system", None, "s", None, names, names, address, 600, "i", owner="o")
    feeds = Feeds(clock, lambda _: None)
    async with ApiClient() as client, aclosing(Kube(client)) as kube:
        yield Context(
            settings,
            kube,
            objects,
            picture,
            queue,
            Queue(clock),
            Writer(objects, picture, names, clock, queue.add),
            Metrics(),
            Log(output, lambda: "now", lambda flush: flush),
            feeds,
            listed_surveyor(kube, feeds),
            now=lambda: datetime.now(UTC),
            recorder=EventRecorder(kube, "revet-operator", lambda: "now", clock, print),
        )


@pytest.fixture
async def desk(context: Context, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    """Give a canary that does not dawdle; at its end nothing is left of it."""
    for name in ("_DUE_EVERY_S", "_ASK_EVERY_S", "_AGAIN_S"):
        monkeypatch.setattr(canary, name, 0.001)
    made = Desk(context)
    yield made
    await made.stop()
    assert made.cluster.there == {}
