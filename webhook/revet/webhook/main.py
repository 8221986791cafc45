"""The process `revet-webhook`: reads its settings, wires its rooms together, serves, drains."""

import asyncio
import time
from contextlib import AsyncExitStack
from functools import partial
from http import HTTPStatus
from math import isinf
from pathlib import Path
from typing import Annotated, Final

import typer
import uvloop
from aiohttp import web

from revet.adapters.address import Address
from revet.adapters.clock import now
from revet.adapters.command import run_until_asked, start, telling
from revet.adapters.events import EventRecorder
from revet.adapters.health import health_app
from revet.adapters.kube import Kube
from revet.adapters.listening import listening, serving
from revet.adapters.log import Log
from revet.adapters.tls import ServingCertificate
from revet.adapters.watcher import Freshness, Watcher
from revet.core.render.webhook import SYSTEM_NAMESPACES
from revet.webhook.doors import Doors
from revet.webhook.images import Images
from revet.webhook.metrics import Metrics
from revet.webhook.policies import NAMESPACES, POLICIES, Knowledge
from revet.webhook.references import References
from revet.webhook.reviewer import Reviewer
from revet.webhook.server import Server
from revet.webhook.settings import Settings
from revet.webhook.verdicts import Verdicts

_SHUTDOWN_S: Final = 5.0  # for answers under way: the API server waits no longer


class Webhook:
    """The rooms of the process, wired together."""

    def __init__(self, settings: Settings, kube: Kube, log: Log) -> None:
        """Build everything; nothing runs yet."""
        clock = asyncio.get_running_loop().time
        self._settings = settings
        self._log = log
        self._watches = {"policies": Freshness(clock), "namespaces": Freshness(clock)}
        knowledge = Knowledge(
            settings.system_namespaces, log.complain, clock, stale_after_s=settings.stale_after_s
        )
        self._beside = knowledge.beside
        self._was_ready = False
        self._kube = kube
        self.metrics = Metrics(self._cache_age_s, self._last_sync, knowledge.policies.generations)
        self._events = EventRecorder(kube, "revet-webhook", now, clock, log.complain)
        self._references = References(settings.namespace, log.complain, clock)
        self._images = Images(
            kube, self._references, clock, time.time, self._count_question, log.complain
        )
        knowledge.tell_policies = self._images.want
        reviewer = Reviewer(
            knowledge, self.metrics, log, self._events, time.perf_counter, self._images
        )
        doors = Doors(reviewer, Verdicts(self._images))
        self._server = Server(doors.admit, self._count_refusal, self._fail)
        self._certificate = ServingCertificate(
            settings.tls_cert, settings.tls_key, self._note_reload
        )
        self._note_flaw()
        self._watchers = [
            Watcher(kube, collection, copy, freshness, log.complain)
            for collection, copy, freshness in (
                (POLICIES, knowledge.policies, self._watches["policies"]),
                (NAMESPACES, knowledge.namespaces, self._watches["namespaces"]),
            )
        ]

    async def serve(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set, then drain."""
        at, log = self._settings, self._log
        async with AsyncExitStack() as stack:
            health = web.AppRunner(
                health_app(self.metrics.expose, self.unready),
                access_log=None,
                shutdown_timeout=_SHUTDOWN_S,
            )
            await stack.enter_async_context(serving(health, at.health, "health", log))
            stack.push_async_callback(self._server.end, _SHUTDOWN_S)
            tls = self._certificate.context
            admission = listening(self._server, at.listen, "admission", log, tls)
            await stack.enter_async_context(admission)
            async with asyncio.TaskGroup() as tasks:
                background = [
                    tasks.create_task(work)
                    for work in (
                        *(watcher.run() for watcher in self._watchers),
                        self._beside.run(self._kube),
                        self._references.run(self._kube),
                        self._images.follow(),
                        self._events.run(),
                        self._certificate.follow(),
                        self._server.run(),
                    )
                ]
                await stop.wait()
                self._server.is_draining = True
                self._log.write("draining", seconds=self._settings.drain_s)
                await asyncio.sleep(self._settings.drain_s)
                await stack.aclose()
                await self._images.close()
                for task in background:
                    task.cancel()

    def unready(self) -> str | None:
        """Return why the API server should not call this replica, None where it should."""
        if self._server.is_draining:
            return "draining"
        for name, freshness in self._watches.items():
            if not freshness.is_synced:
                return f"{name} are not listed yet"
            if freshness.age_s > self._settings.stale_after_s:
                return f"the watch of {name} has been silent for {freshness.age_s:.0f} s"
        unlisted = self._beside.unlisted()
        # Only at the start: a policy that needs something new must not take away every replica.
        # Till it is there the answer is "unknown", and no Fail entry relies on that.
        if unlisted and not self._was_ready:
            return f"not listed yet: {', '.join(unlisted)}"
        self._was_ready = True
        return None

    def _count_refusal(self, status: HTTPStatus) -> None:
        self.metrics.refused_requests.labels(str(status.value)).inc()

    def _fail(self, error: Exception) -> None:
        self._log.fail(error, about="connection")

    def _count_question(self, answer: str) -> None:
        self.metrics.image_questions.labels(answer).inc()

    def _cache_age_s(self) -> float:
        watches = (*self._watches.values(), *self._beside.freshness.values())
        return max(freshness.age_s for freshness in watches)

    def _last_sync(self) -> float:
        age_s = self._cache_age_s()
        return 0.0 if isinf(age_s) else time.time() - age_s

    def _note_reload(self, problem: str | None) -> None:
        self.metrics.certificate_reloads.labels("failed" if problem else "ok").inc()
        if problem:
            self._log.complain(problem)
        else:
            self._log.write("certificate-reloaded")
            self._note_flaw()

    def _note_flaw(self) -> None:
        flaw = self._certificate.flaw
        if flaw:
            self._log.complain(flaw)


def serve(
    listen: Annotated[str, typer.Option(help="HOST:PORT for the API server (TLS).")] = ":9443",
    health: Annotated[
        str, typer.Option(help="HOST:PORT of /healthz, /readyz and /metrics.")
    ] = ":8080",
    tls_cert: Annotated[Path, typer.Option(help="PEM certificate chain; followed.")] = Path(
        "/etc/revet/tls/tls.crt"
    ),
    tls_key: Annotated[Path, typer.Option(help="PEM key; followed.")] = Path(
        "/etc/revet/tls/tls.key"
    ),
    kubeconfig: Annotated[
        str | None, typer.Option(help="Default: the pod's ServiceAccount.")
    ] = None,
    namespace: Annotated[str, typer.Option(help="Revet's own namespace.")] = "revet-system",
    system_namespace: Annotated[
        list[str] | None,
        typer.Option(help="Further namespaces outside every policy (CNI, CSI); repeatable."),
    ] = None,
    stale_after: Annotated[
        float, typer.Option(min=1, help="Seconds of silence until not ready.")
    ] = 120,
    drain: Annotated[float, typer.Option(min=0, help="Seconds to serve on after SIGTERM.")] = 5,
) -> None:
    """Serve Revet's admission webhook."""
    with telling("revet-webhook"):
        settings = Settings(
            listen=Address.parse(listen, "--listen"),
            health=Address.parse(health, "--health"),
            tls_cert=tls_cert,
            tls_key=tls_key,
            kubeconfig=kubeconfig,
            namespace=namespace,
            system_namespaces=frozenset((*SYSTEM_NAMESPACES, namespace, *(system_namespace or ()))),
            stale_after_s=stale_after,
            drain_s=drain,
        )
        uvloop.run(run_until_asked(settings.kubeconfig, partial(Webhook, settings)))


def main() -> None:
    """Run the command line."""
    start(serve)


if __name__ == "__main__":
    main()
