"""The ingest's doors on loopback with real TLS, and a pipeline that knows one pod: no cluster."""

import asyncio
import hashlib
import io
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import aiohttp
from aiohttp import web

from e2e.cluster.certificates import Authority
from revet.adapters.kube import Kube
from revet.adapters.tls import ServingCertificate
from revet.core.model.policy import parse_policy
from revet.core.runtime.match import WatchingPolicy
from revet.core.runtime.pipeline import Pipeline
from revet.core.runtime.pods import read_pod
from revet.ingest.app import Doors
from revet.ingest.doorkeeper import Doorkeeper
from revet.ingest.handover import Handover
from revet.ingest.metrics import Metrics
from revet.ingest.senders import Sender, Senders
from revet.ingest.tokens import Tokens
from revet.ingest.worker import Worker
from tests.support.manifests import policy

TOKEN: Final = "a-token-that-nobody-guesses"  # noqa: S105 -- a test's
HANDOVER: Final = "0123456789abcdef0123456789abcdef"
AUDIENCE: Final = "revet-ingest"
FALCO: Final = "/v1/ingest/falco"
NOW: Final = 1_800_000_000.0
POD: Final = {
    "metadata": {"name": "web-1", "namespace": "shop", "uid": "uid-web"},
    "spec": {"nodeName": "node-a"},
}


def alert(number: int = 0, **fields: object) -> dict[str, Any]:
    """Write an alert of Falco's about the pod."""
    return {
        "rule": "Terminal shell in container",
        "priority": "Warning",
        "hostname": "node-a",
        "time": f"2026-11-22T08:00:00.{number:09}Z",
        "output_fields": {"k8s.ns.name": "shop", "k8s.pod.name": "web-1"},
        **fields,
    }


@dataclass(frozen=True)
class Reply:
    """An HTTP answer."""

    status: int
    text: str
    headers: Mapping[str, str]


class Clock:
    """A clock that the test moves."""

    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        """Tell the time."""
        return self.now


class Harness:
    """The doors, what is behind them, and a client."""

    def __init__(self, folder: Path, kube: Kube, rate: float = 100_000) -> None:
        self.clock = Clock()
        self.metrics = Metrics()
        self.pipeline = Pipeline(frozenset(), self.metrics.count_finding)
        self.pipeline.namespaces = {"shop": {"tier": "prod"}}
        self.pipeline.pods.put(read_pod(json.dumps(POD).encode()))
        manifest = policy("p", {"tier": "prod"}, runtime={})
        manifest["metadata"]["uid"] = "p"
        watching = WatchingPolicy.of(parse_policy(json.dumps(manifest)))
        assert watching is not None
        self.pipeline.use([watching])
        self.complaints: list[str] = []
        self.failures: list[BaseException] = []
        self.worker = Worker(
            self.pipeline, self.metrics, self.clock, lambda: True, self.failures.append
        )
        self.tokens = Tokens(kube, AUDIENCE, self.clock, self.complaints.append)
        senders = [
            Sender("all", token_sha256=hashlib.sha256(TOKEN.encode()).hexdigest()),
            Sender("node-a", node="node-a", common_name="falco-node-a"),
            Sender("node-x", node="node-x", common_name="falco-node-x"),
            Sender("vector", service_account="logs/vector", own_node=True),
            Sender("plane", sources=(), service_account="logs/plane"),
        ]
        self.doorkeeper = Doorkeeper(Senders(senders), self.tokens, rate, self.clock)
        secret = folder / "handover-token"
        secret.write_text(f"{HANDOVER}\n")
        self.handover = Handover(self.pipeline, secret, self.clock)
        self.authority = Authority()
        self.port = 0
        self.work: list[asyncio.Task[None]] = []
        self._folder = folder

    async def serve(self, stack: AsyncExitStack) -> None:
        """Serve on a free port, as the process does."""
        doors = Doors(self.doorkeeper, self.worker, self.handover, self.metrics, self.clock)
        certificate, key = self._folder / "tls.crt", self._folder / "tls.key"
        issued = self.authority.issue_server("ingest", ["127.0.0.1"])
        certificate.write_bytes(issued.certificate)
        key.write_bytes(issued.key)
        context = ServingCertificate(certificate, key, lambda _: None).context
        context.verify_mode = ssl.CERT_OPTIONAL
        context.load_verify_locations(cadata=self.authority.ca_pem.decode())
        runner = web.ServerRunner(doors.server(), shutdown_timeout=1.0)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        self.port = runner.addresses[0][1]

    async def post(
        self,
        body: object,
        path: str = FALCO,
        token: str = TOKEN,
        tls: ssl.SSLContext | None = None,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> Reply:
        """Send a body: bytes as they are, all else as JSON."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"Content-Type": "application/json"}
        if token:
            sent["Authorization"] = f"Bearer {token}"
        sent |= headers
        async with (
            aiohttp.ClientSession() as session,
            session.post(
                f"https://127.0.0.1:{self.port}{path}",
                data=io.BytesIO(data),
                headers=sent,
                ssl=tls or self.tls(),
            ) as response,
        ):
            return Reply(response.status, await response.text(), response.headers)

    async def get(self, path: str, token: str = HANDOVER) -> Reply:
        """Ask as the operator does."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(
                f"https://127.0.0.1:{self.port}{path}",
                headers={"Authorization": f"Bearer {token}"},
                ssl=self.tls(),
            ) as response,
        ):
            return Reply(response.status, await response.text(), response.headers)

    def tls(self, name: str = "", authority: Authority | None = None) -> ssl.SSLContext:
        """Make a client's context, with a certificate of that name if there is one."""
        context = ssl.create_default_context(cadata=self.authority.ca_pem.decode())
        if name:
            issued = (authority or self.authority).issue_client(name)
            path = self._folder / f"{name}.pem"
            path.write_bytes(issued.certificate + issued.key)
            context.load_cert_chain(path)
        return context

    async def stop_work(self) -> None:
        """Take nothing more out of the queue."""
        for task in self.work:
            task.cancel()
        await asyncio.gather(*self.work, return_exceptions=True)

    def counts(self) -> list[int]:
        """Return the counts of the policy's findings."""
        return [each.count for each in self.pipeline.findings.of("p")]

    def lost(self) -> dict[str, int]:
        """Return what was lost, by reason."""
        return {each.reason.value: each.count for each in self.pipeline.feed.report().lost}


@asynccontextmanager
async def open_harness(folder: Path, kube: Kube, rate: float = 100_000) -> AsyncIterator[Harness]:
    """Serve, and work off what comes."""
    harness = Harness(folder, kube, rate)
    async with AsyncExitStack() as stack:
        await harness.serve(stack)
        work = (harness.worker.run(), harness.tokens.run())
        harness.work = [asyncio.create_task(each) for each in work]
        try:
            yield harness
        finally:
            await harness.stop_work()
