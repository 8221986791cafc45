"""The process `revet-ingest`: reads its settings, wires its rooms together, and serves."""

import asyncio
import ssl
import time
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Final

import uvloop
from aiohttp import web

from revet.adapters.address import Address, SettingsError
from revet.adapters.command import run_until_asked, start, telling
from revet.adapters.health import health_app
from revet.adapters.kube import Kube
from revet.adapters.listening import serving
from revet.adapters.log import Log
from revet.adapters.tls import ServingCertificate
from revet.core.render.webhook import SYSTEM_NAMESPACES
from revet.core.runtime.pipeline import Pipeline
from revet.ingest import flags
from revet.ingest.app import Doors
from revet.ingest.doorkeeper import Doorkeeper
from revet.ingest.handover import Handover
from revet.ingest.knowledge import Knowledge
from revet.ingest.metrics import Metrics
from revet.ingest.senders import read_senders
from revet.ingest.settings import Settings
from revet.ingest.tokens import Tokens
from revet.ingest.worker import Worker

_FOLDER: Final = Path("/etc/revet/tls")
_LOOK_EVERY_S: Final = 2.0
_SHUTDOWN_S: Final = 2.0


class Ingest:
    """The rooms of the process, wired together."""

    def __init__(self, settings: Settings, kube: Kube, log: Log) -> None:
        """Build everything; nothing runs yet.

        Raises:
            SettingsError: a file that is needed can't be used.

        """
        clock, loop_clock = time.time, asyncio.get_running_loop().time
        self._settings = settings
        self._log = log
        self._clock = clock
        self._metrics = Metrics()
        self._pipeline = Pipeline(settings.system_namespaces, self._metrics.count_finding)
        self._knowledge = Knowledge(kube, self._pipeline, clock, loop_clock, log.complain)
        self._worker = Worker(
            self._pipeline,
            self._metrics,
            clock,
            lambda: not self._knowledge.unlisted,
            partial(log.fail, about="events"),
        )
        self._tokens = Tokens(kube, settings.audience, clock, log.complain)
        self._senders = settings.senders.read_bytes()
        self._doorkeeper = Doorkeeper(
            read_senders(settings.senders), self._tokens, settings.rate, loop_clock
        )
        self._handover = Handover(self._pipeline, settings.handover_token, clock)
        self._doors = Doors(self._doorkeeper, self._worker, self._handover, self._metrics, clock)
        self._certificate = ServingCertificate(
            settings.tls_cert, settings.tls_key, self._note_reload
        )
        if settings.client_ca is not None:
            self._ask_for_certificates(settings.client_ca)
        self._metrics.follow(
            lambda: self._worker.waiting,
            lambda: self._pipeline.held,
            lambda: self._pipeline.watching,
            lambda: len(self._pipeline.findings),
            lambda: self._knowledge.age_s,
        )

    async def serve(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set."""
        at, log = self._settings, self._log
        async with AsyncExitStack() as stack:
            health = web.AppRunner(health_app(self._expose, self.unready), access_log=None)
            await stack.enter_async_context(serving(health, at.health, "health", log))
            doors = web.ServerRunner(self._doors.server(), shutdown_timeout=_SHUTDOWN_S)
            tls = self._certificate.context
            await stack.enter_async_context(serving(doors, at.listen, "ingest", log, tls))
            async with asyncio.TaskGroup() as tasks:
                background = [
                    tasks.create_task(work)
                    for work in (
                        *(watcher.run() for watcher in self._knowledge.watchers),
                        self._worker.run(),
                        self._tokens.run(),
                        self._certificate.follow(),
                        self._follow(),
                    )
                ]
                await stop.wait()
                await stack.aclose()
                for task in background:
                    task.cancel()

    def unready(self) -> str | None:
        """Return why nothing should be sent here, None where it should."""
        unlisted = self._knowledge.unlisted
        return f"not listed yet: {unlisted}" if unlisted else None

    def _expose(self) -> bytes:
        for source, at in self._pipeline.feed.report().heard.items():
            self._metrics.note_heard(source, at)
        return self._metrics.expose()

    def _ask_for_certificates(self, authority: Path) -> None:
        context = self._certificate.context
        # Who has none may still have a token.
        context.verify_mode = ssl.CERT_OPTIONAL
        try:
            context.load_verify_locations(authority)
        except (OSError, ssl.SSLError) as error:
            raise SettingsError(f"--client-ca {authority} can't be used: {error}") from error

    async def _follow(self) -> None:
        """Read the senders and the operator's token again when they change, until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            self._handover.read()
            try:
                seen = self._settings.senders.read_bytes()
                if seen != self._senders:
                    self._senders = seen
                    self._doorkeeper.senders = read_senders(self._settings.senders)
                    self._log.write("senders-reloaded")
            except (SettingsError, OSError) as error:
                self._log.complain(f"{error}; the senders before stay")

    def _note_reload(self, problem: str | None) -> None:
        if problem:
            self._log.complain(problem)
        else:
            self._log.write("certificate-reloaded")


def serve(
    *,
    listen: flags.Listen = ":9444",
    health: flags.Health = ":8080",
    tls_cert: flags.TlsCert = _FOLDER / "tls.crt",
    tls_key: flags.TlsKey = _FOLDER / "tls.key",
    client_ca: flags.ClientCa = None,
    senders: flags.Senders = Path("/etc/revet/senders/senders.yaml"),
    handover_token: flags.HandoverToken = _FOLDER / "handover-token",
    audience: flags.Audience = "revet-ingest",
    kubeconfig: flags.Kubeconfig = None,
    namespace: flags.Namespace = "revet-system",
    system_namespace: flags.SystemNamespaces = None,
    rate: flags.Rate = 10_000,
) -> None:
    """Take in the events of runtime sensors."""
    with telling("revet-ingest"):
        settings = Settings(
            listen=Address.parse(listen, "--listen"),
            health=Address.parse(health, "--health"),
            tls_cert=tls_cert,
            tls_key=tls_key,
            client_ca=client_ca,
            senders=senders,
            handover_token=handover_token,
            audience=audience,
            kubeconfig=kubeconfig,
            system_namespaces=frozenset((*SYSTEM_NAMESPACES, namespace, *(system_namespace or ()))),
            rate=rate,
        )
        uvloop.run(run_until_asked(settings.kubeconfig, partial(Ingest, settings)))


def main() -> None:
    """Run the command line."""
    start(serve)


if __name__ == "__main__":
    main()
