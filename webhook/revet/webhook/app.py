"""The webhook's HTTP: its doors, its limits, and the health server beside them."""

import asyncio
from collections.abc import Callable
from typing import Final

from aiohttp import web

from revet.core.errors import ReviewError
from revet.core.render.webhook import FAIL_TIMEOUT_S, IGNORE_TIMEOUT_S
from revet.webhook.metrics import Metrics
from revet.webhook.review import parse, parse_timeout, render
from revet.webhook.reviewer import Door, Reviewer

#: A 1 MB Deployment makes a 3.1 MB review on update: old and new object, and managedFields.
MAX_BODY_BYTES: Final = 8 * 1024 * 1024
#: We answer that long before the API server gives up on us.
MARGIN_S: Final = 1.5


class Gate:
    """Lets requests in, and knows when no more should come."""

    def __init__(self) -> None:
        """Start open."""
        self.draining = False


def admission_app(reviewer: Reviewer, metrics: Metrics, gate: Gate) -> web.Application:
    """Make the app that the API server calls."""

    async def review(request: web.Request, door: Door) -> web.Response:
        arrived = asyncio.get_running_loop().time()
        default_s = FAIL_TIMEOUT_S if door.may_refuse else IGNORE_TIMEOUT_S
        try:
            if request.content_type != "application/json":
                raise ReviewError(f"content type {request.content_type!r} must be application/json")
            timeout_s = min(parse_timeout(request.query.get("timeout"), default_s), default_s)
            body = await request.read()
            question = parse(body)
        except ReviewError as error:
            metrics.refused_requests.labels("400").inc()
            return web.Response(status=400, text=str(error))
        except web.HTTPRequestEntityTooLarge:
            metrics.refused_requests.labels("413").inc()
            text = f"the review is over {MAX_BODY_BYTES} bytes"
            return web.Response(status=413, text=text)
        deadline = arrived + max(timeout_s - MARGIN_S, 0)
        answer = await reviewer.answer(door, request.match_info["key"], question, deadline)
        response = web.Response(body=render(answer), content_type="application/json")
        if gate.draining:
            # The API server keeps connections; this moves it on to another replica.
            response.force_close()
        return response

    app = web.Application(client_max_size=MAX_BODY_BYTES)
    for door in Door:

        async def handle(request: web.Request, door: Door = door) -> web.Response:
            return await review(request, door)

        app.router.add_post(f"/{door.value}/{{key:[0-9a-f]+}}", handle)
    return app


def health_app(metrics: Metrics, unready: Callable[[], str | None]) -> web.Application:
    """Make the app for kubelet and Prometheus; `unready` says why we are not ready, if so."""

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="ok")

    async def readyz(_: web.Request) -> web.Response:
        reason = unready()
        return web.Response(status=503 if reason else 200, text=reason or "ok")

    async def expose(_: web.Request) -> web.Response:
        return web.Response(body=metrics.expose(), content_type="text/plain", charset="utf-8")

    app = web.Application()
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", expose)
    return app
