"""A small HTTP server that lists and watches as a test tells it.

It stands in for the API server where that can't be made to do a thing on demand: to forget a
version, to hang up in the middle of a line, to fall silent.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from revet.adapters.kube import Kube, connect

Watch = Callable[[web.StreamResponse], Awaitable[None]]
Query = dict[str, str]


def item(name: str, version: int, **metadata: object) -> dict[str, Any]:
    """Write an object."""
    return {"metadata": {"name": name, "resourceVersion": str(version), **metadata}}


def event(kind: str, subject: object) -> bytes:
    """Write a line of a watch."""
    return json.dumps({"type": kind, "object": subject}).encode() + b"\n"


async def stay(_: web.StreamResponse) -> None:
    """Keep a watch open, in silence."""
    await asyncio.Event().wait()


def say(*lines: bytes, then: Watch | None = stay) -> Watch:
    """Make a watch that says these lines, and then stays or, with None, ends in good order."""

    async def script(response: web.StreamResponse) -> None:
        for line in lines:
            await response.write(line)
        if then is not None:
            await then(response)

    return script


async def hang_up(response: web.StreamResponse) -> None:
    """Cut the connection, in the middle of what was being said."""
    transport = response._req.transport if response._req else None
    if transport is not None:
        transport.abort()


@dataclass
class ListWatch:
    """The script, and the queries that came."""

    #: Answers to lists, in turn: a page, or an HTTP status. The last one is given again and again.
    lists: list[dict[str, Any] | int] = field(default_factory=list)
    #: Answers to watches, in turn; then they stay silent.
    watches: list[Watch | int] = field(default_factory=list)
    listed: list[Query] = field(default_factory=list)
    watched: list[Query] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer as the script says."""
        query = dict(request.query)
        if "watch" not in query:
            self.listed.append(query)
            answer = self.lists.pop(0) if len(self.lists) > 1 else self.lists[0]
            if isinstance(answer, int):
                return web.Response(status=answer, text="as the script says")
            return web.json_response(answer)
        self.watched.append(query)
        script = self.watches.pop(0) if self.watches else stay
        if isinstance(script, int):
            return web.Response(status=script, text="as the script says")
        response = web.StreamResponse()
        await response.prepare(request)
        await script(response)
        return response


def page(version: int, *items: dict[str, Any], more: str = "") -> dict[str, Any]:
    """Write a page of a list."""
    return {"metadata": {"resourceVersion": str(version), "continue": more}, "items": list(items)}


@asynccontextmanager
async def serve(script: ListWatch, folder: Path) -> AsyncIterator[Kube]:
    """Run the server and connect to it as the webhook does."""
    app = web.Application()
    app.router.add_get("/{path:.*}", script.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        kubeconfig = folder / "kubeconfig"
        kubeconfig.write_text(json.dumps(_kubeconfig(runner.addresses[0][1])))
        async with connect(str(kubeconfig)) as kube:
            yield kube
    finally:
        await runner.cleanup()


def _kubeconfig(port: int) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "it", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "it", "user": {}}],
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
        "current-context": "it",
    }
