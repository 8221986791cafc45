"""The process `revet-operator`: becomes the leader, then watches, reconciles and audits."""

import asyncio
import gc
import logging
import signal
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

import kopf
import uvloop
from aiohttp import web

from revet.adapters.address import Address
from revet.adapters.clock import now
from revet.adapters.command import open_log, start, telling
from revet.adapters.events import EventRecorder
from revet.adapters.health import health_app
from revet.adapters.kube import Kube, KubeError, connect
from revet.adapters.lease import Lease
from revet.adapters.listening import serving
from revet.adapters.log import LibraryHandler, Log
from revet.adapters.objects import Objects
from revet.core.render.webhook import SYSTEM_NAMESPACES
from revet.operator import flags, handlers
from revet.operator.audit import Audit
from revet.operator.canary import Canary
from revet.operator.context import Context
from revet.operator.credentials import Credentials
from revet.operator.drift import DriftTeller
from revet.operator.election import elect
from revet.operator.feeds import Feeds
from revet.operator.inquiry import Inquiry
from revet.operator.intake import Intake
from revet.operator.metrics import Metrics
from revet.operator.owner import read_owner
from revet.operator.picture import CLUSTER, Key, Picture
from revet.operator.public_root import PublicRoot
from revet.operator.queue import Queue
from revet.operator.reconcile import Reconciler, Tellers
from revet.operator.resync import keep_fresh
from revet.operator.runtime import RuntimeWatch
from revet.operator.settings import Settings, parse_canary, parse_public_root, parse_url
from revet.operator.signers import SignersWatch
from revet.operator.surveyor import Surveyor
from revet.operator.watches import watch
from revet.operator.writer import Writer

_FRESH_START: Final = 3
_ASKED: Final = "asked to"
_AGAIN_S: Final = 2.0
_FRESH_EVERY_S: Final = 30.0
_STALLED_S: Final = 600.0  # no request takes longer than half a minute


def _context(settings: Settings, kube: Kube, metrics: Metrics, log: Log) -> Context:
    clock = asyncio.get_running_loop().time
    kube.note = metrics.note_request
    objects = Objects(kube)
    picture = Picture()
    queue = Queue(clock)
    recorder = EventRecorder(kube, "revet-operator", now, clock, log.complain)
    teller = DriftTeller(metrics, recorder)
    feeds = Feeds(clock, log.complain, queue.rest)
    writer = Writer(objects, picture, settings.tolerated_keys, clock, queue.add, teller.tell)
    return Context(
        settings,
        kube,
        objects,
        picture,
        queue,
        Queue(clock),
        writer,
        metrics,
        log,
        feeds,
        Surveyor(kube, feeds, settings.system_namespaces, clock, log.complain),
        now=lambda: datetime.now(UTC),
        recorder=recorder,
    )


async def _lead(context: Context, take_signals: Callable[[], None]) -> None:
    """Do the work of the leader, until cancelled; `take_signals` is for what takes them from us."""
    context.metrics.leads.set(1)
    context.log.write("leading", identity=context.settings.identity)
    intake = Intake(context)
    await _take_in(context, intake)
    credentials = Credentials(context)
    audit = Audit(context, Inquiry(context, credentials))
    runtime = RuntimeWatch(context, context.recorder, credentials)
    public_root = PublicRoot(context)
    signers = SignersWatch(context, credentials, public_root.problem)
    canary = Canary(context)
    tellers = Tellers(runtime.verdict, canary.told, signers.problem)
    reconciler = Reconciler(context, audit, credentials, tellers)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(intake.run())
        tasks.create_task(reconciler.holdings.run())
        tasks.create_task(reconciler.run())
        tasks.create_task(reconciler.entries.confirmations.run())
        tasks.create_task(context.feeds.run(context.kube))
        tasks.create_task(audit.run())
        tasks.create_task(context.recorder.run())
        context.surveyor.see_cilium(context.picture, context.queue.add_all)
        tasks.create_task(context.surveyor.run(reconciler.isolation.note_changes))
        tasks.create_task(runtime.run())
        tasks.create_task(canary.run())
        tasks.create_task(signers.run())
        tasks.create_task(public_root.run())
        tasks.create_task(keep_fresh(reconciler, context, signers.look_again, _FRESH_EVERY_S))
        tasks.create_task(watch(context, intake))
        tasks.create_task(_watch_policies(context, intake, take_signals))


async def _watch_policies(
    context: Context, intake: Intake, take_signals: Callable[[], None]
) -> None:
    """Have kopf watch. The signals that it has taken to itself are taken back.

    At a signal it would wait five seconds for tasks that are not its own before it ends.
    """
    ours = asyncio.all_tasks()
    registry = handlers.registry(context, intake)
    tasks = await kopf.spawn_tasks(
        clusterwide=True, registry=registry, settings=handlers.settings()
    )
    take_signals()
    await kopf.run_tasks(tasks, ignored=ours)
    raise RuntimeError("kopf has stopped watching policies")


async def _take_in(context: Context, intake: Intake) -> None:
    """See everything once before anything is written: what is not seen would seem to be missing."""
    while True:
        try:
            await intake.take()
        except KubeError as error:
            context.log.complain(f"not everything could be listed: {error}")
            await asyncio.sleep(_AGAIN_S)
        else:
            break
    picture = context.picture
    context.queue.add_all((CLUSTER, *(Key("policy", name) for name in picture.policies)))
    context.queue.add_all(Key("namespace", name) for name in picture.namespaces)
    gc.collect()
    gc.freeze()


async def _elect(
    context: Context, end: Callable[[str], None], take_signals: Callable[[], None]
) -> None:
    """Take part in the election, and lead when elected; `end` is told why that is over."""
    settings = context.settings

    async def lead() -> None:
        try:
            await _lead(context, take_signals)
        except Exception as error:  # noqa: BLE001 -- a leader that does nothing must not stay
            context.log.fail(error, about="leader")
            end("a part of it failed")

    owner = partial(read_owner, context.objects, settings.owner)
    lease = Lease(settings.lease, settings.namespace, settings.identity, context.kube.client, owner)
    await elect(lease, lead, lambda: end("the lease was lost"))


def _ill(queue: Queue) -> str | None:
    if queue.stalled_s < _STALLED_S:
        return None
    return f"nothing was reconciled for {queue.stalled_s:.0f} s, though something is due"


@asynccontextmanager
async def _telling(context: Context) -> AsyncIterator[None]:
    """Serve metrics, and how we are."""
    context.metrics.queue_late.set_function(lambda: context.queue.late_s)
    health = health_app(context.metrics.expose, lambda: None, partial(_ill, context.queue))
    runner = web.AppRunner(health, access_log=None)
    async with serving(runner, context.settings.health, "health", context.log):
        yield


async def run(settings: Settings) -> None:
    """Run the operator until SIGTERM or SIGINT, or until it leads no more.

    Raises:
        SystemExit: the lease was lost, or a part of it failed: a fresh start is the remedy.

    """
    loop = asyncio.get_running_loop()
    log = open_log()
    logging.getLogger().handlers = [LibraryHandler(log, loop)]
    metrics = Metrics()
    ended: asyncio.Future[str] = loop.create_future()

    def end(reason: str) -> None:
        if not ended.done():
            ended.set_result(reason)

    def take_signals() -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, end, _ASKED)

    take_signals()
    async with AsyncExitStack() as stack:
        kube = await stack.enter_async_context(connect(settings.kubeconfig))
        context = _context(settings, kube, metrics, log)
        await stack.enter_async_context(_telling(context))
        task = asyncio.create_task(_elect(context, end, take_signals))
        # An election that fails by itself must not leave a process that does nothing.
        task.add_done_callback(lambda _: end("the election ended"))
        reason = await ended
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    log.write("stopped", reason=reason)
    log.flush()
    if reason != _ASKED:
        raise SystemExit(_FRESH_START)


@telling("revet-operator")
def serve(
    *,
    namespace: flags.Namespace = "revet-system",
    kubeconfig: flags.Kubeconfig = None,
    service: flags.Service = "revet-webhook",
    webhook_url: flags.WebhookUrl = None,
    ingest_service: flags.IngestService = None,
    ingest_url: flags.IngestUrl = None,
    quarantine: flags.Quarantine = False,
    system_namespace: flags.SystemNamespaces = None,
    tolerated_key: flags.ToleratedKeys = None,
    health: flags.Health = ":8080",
    audit_interval: flags.AuditInterval = 600,
    image_interval: flags.ImageInterval = 21600,
    identity: flags.Identity = None,
    canary_image: flags.CanaryImage = None,
    canary_timeout: flags.CanaryTimeout = 120,
    public_root_tuf: flags.PublicRootTuf = None,
    public_root_folder: flags.PublicRootFolder = Path("/var/lib/revet/tuf"),
) -> None:
    """Run Revet's operator."""
    settings = Settings(
        namespace=namespace,
        kubeconfig=kubeconfig,
        service=service,
        webhook_url=webhook_url and parse_url(webhook_url, "--webhook-url"),
        system_namespaces=frozenset((*SYSTEM_NAMESPACES, namespace, *(system_namespace or ()))),
        tolerated_keys=frozenset(tolerated_key or ()),
        health=Address.parse(health, "--health"),
        audit_interval_s=audit_interval,
        image_interval_s=image_interval,
        identity=identity or socket.gethostname(),
        ingest_service=ingest_service,
        ingest_url=ingest_url and parse_url(ingest_url, "--ingest-url"),
        quarantines=quarantine,
        canary=parse_canary(canary_image, canary_timeout) if canary_image else None,
        public_root=parse_public_root(public_root_tuf, public_root_folder),
    )
    uvloop.run(run(settings))


def main() -> None:
    """Run the command line."""
    start(serve)


if __name__ == "__main__":
    main()
