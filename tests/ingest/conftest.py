"""An ingest whose API server answers token reviews as the test tells it."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from revet.adapters.kube import connect
from tests.ingest.harness import AUDIENCE, Harness, open_harness


@dataclass
class Reviews:
    """An API server that reviews tokens."""

    #: By token: the user's name, and the node of its pod.
    users: dict[str, tuple[str, str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    is_down: bool = False
    #: Set by each review.
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, request: web.Request) -> web.Response:
        """Answer."""
        body: dict[str, Any] = await request.json()
        token = body["spec"]["token"]
        assert body["spec"]["audiences"] == [AUDIENCE]
        self.asked.append(token)
        self.news.set()
        if self.is_down:
            return web.Response(status=503)
        user = self.users.get(token)
        status: dict[str, Any] = {"authenticated": user is not None}
        if user is not None:
            extra = {"authentication.kubernetes.io/node-name": [user[1]]} if user[1] else {}
            status |= {"user": {"username": user[0], "extra": extra}, "audiences": [AUDIENCE]}
        return web.json_response({"status": status})


@pytest.fixture
def reviews() -> Reviews:
    return Reviews()


@pytest.fixture
async def ingest(tmp_path: Path, reviews: Reviews) -> AsyncIterator[Harness]:
    app = web.Application()
    app.router.add_post("/{path:.*}", reviews.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": "it", "cluster": {"server": f"http://127.0.0.1:{runner.addresses[0][1]}"}}
        ],
        "users": [{"name": "it", "user": {}}],
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
        "current-context": "it",
    }
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(json.dumps(config))
    try:
        async with (
            connect(str(kubeconfig)) as kube,
            open_harness(tmp_path, kube) as harness,
        ):
            yield harness
    finally:
        await runner.cleanup()
