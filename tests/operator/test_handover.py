"""Asking the replicas of the ingest for what is newer than what they have told."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from revet.core.runtime.handover import Portion
from revet.operator.handover import Asker, HandoverError
from revet.operator.prober import Replica


@pytest.fixture
async def replica() -> AsyncIterator[tuple[Replica, dict[str, Any]]]:
    seen: dict[str, Any] = {"queries": [], "status": 200}

    async def answer(request: web.Request) -> web.Response:
        seen["queries"].append((request.query.get("after"), request.headers["Authorization"]))
        if seen["status"] != 200:
            return web.Response(status=seen["status"])
        return web.json_response({"instance": "i", "version": 7, "started": 1.0})

    app = web.Application()
    app.router.add_get("/v1/handover", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield Replica(f"http://127.0.0.1:{runner.addresses[0][1]}", None), seen
    await runner.cleanup()


async def test_it_asks_for_what_is_newer(replica: tuple[Replica, dict[str, Any]]) -> None:
    address, seen = replica
    bundle = _bundle()
    async with Asker() as asker:
        for _ in range(2):
            [portion] = await asker.ask([address], bundle, "t")
            assert isinstance(portion, Portion)
        assert seen["queries"] == [("", "Bearer t"), ("i:7", "Bearer t")]
        seen["status"] = 401
        nobody = Replica("http://127.0.0.1:1", None)
        answers = await asker.ask([address, nobody], bundle, "t")
    assert all(isinstance(each, HandoverError) for each in answers)
    assert "401" in str(answers[0])


def _bundle() -> bytes:
    from e2e.cluster.certificates import Authority  # noqa: PLC0415 -- only here

    return Authority().ca_pem
