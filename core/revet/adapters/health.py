"""The health server of each process: plain HTTP, for kubelet and Prometheus."""

from collections.abc import Callable

from aiohttp import web


def health_app(
    expose: Callable[[], bytes],
    unready: Callable[[], str | None],
    ill: Callable[[], str | None] = lambda: None,
) -> web.Application:
    """Make the app for kubelet and Prometheus; `unready` says why we are not ready, if so.

    `ill` says why we should be started afresh, if so; `expose` writes the metrics in Prometheus'
    text format.
    """

    async def healthz(_: web.Request) -> web.Response:
        reason = ill()
        return web.Response(status=503 if reason else 200, text=reason or "ok")

    async def readyz(_: web.Request) -> web.Response:
        reason = unready()
        return web.Response(status=503 if reason else 200, text=reason or "ok")

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=expose(), content_type="text/plain", charset="utf-8")

    app = web.Application()
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", metrics)
    return app
