"""The canary's end, and that of one before it: all that was made is taken away."""

import asyncio

import pytest

from revet.core.model.meta import Manifest
from revet.operator import canary
from tests.operator.canary_desk import Desk
from tests.webhook.harness import until


async def test_what_a_killed_one_has_left_is_taken_away_first(desk: Desk) -> None:
    left: Manifest = {"kind": "Pod", "metadata": {"name": "canary-old-server"}}
    desk.cluster.there["Pod", "canary-old-server"] = left
    desk.ask(2, "Disabled")
    desk.start()
    await until(lambda: not desk.cluster.there)
    assert desk.cluster.made == []


async def test_our_end_takes_away_what_is_under_way(desk: Desk) -> None:
    desk.cluster.server = [{"phase": "Pending"}]
    desk.start()
    await until(lambda: desk.cluster.there)
    await desk.stop()
    assert desk.cluster.there == {}


async def test_our_end_takes_away_the_rest_of_what_was_being_taken_away(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    delete, asked = desk.cluster.delete, asyncio.Event()

    async def delete_slowly(manifest: Manifest) -> None:
        if not asked.is_set():
            asked.set()
            await asyncio.Event().wait()
        await delete(manifest)

    monkeypatch.setattr(desk.cluster, "delete", delete_slowly)
    desk.start()
    await asked.wait()
    assert desk.cluster.there
    await desk.stop()
    assert desk.cluster.there == {}


async def test_our_end_does_not_wait_for_an_api_server_that_says_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = asyncio.Event()

    async def say_nothing(*_: object, **__: object) -> list[Manifest]:
        asked.set()
        await asyncio.Event().wait()
        return []

    monkeypatch.setattr(canary, "_END_S", 0.01)
    monkeypatch.setattr(desk.cluster, "list", say_nothing)
    desk.start()
    await asked.wait()
    async with asyncio.timeout(5):
        await desk.stop()
