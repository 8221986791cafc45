"""The webhook's servers on loopback with real TLS, fed by hand: no API server, no watches."""

import asyncio
import io
import json
import ssl
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from e2e.cluster.certificates import Authority
from revet.adapters.events import Notice
from revet.adapters.health import health_app
from revet.adapters.log import Log
from revet.adapters.tls import ServingCertificate
from revet.core.admission import Request
from revet.core.check import Check
from revet.core.compiled_policy import Applied
from revet.core.neighbours import NEIGHBOURS, read_neighbour
from revet.core.render.webhook import SYSTEM_NAMESPACES
from revet.webhook.doors import Doors
from revet.webhook.images import ImageSource
from revet.webhook.metrics import Metrics
from revet.webhook.policies import Knowledge
from revet.webhook.reviewer import Reviewer
from revet.webhook.server import Server
from tests.support.manifests import Manifest
from tests.support.reviews import review
from tests.support.standards import STANDARDS

TIME = "2026-01-02T03:04:05.006Z"


@dataclass
class Clock:
    """A clock that the test moves."""

    now: float = 100.0

    def __call__(self) -> float:
        """Tell the time."""
        return self.now


class Notices:
    """Keeps the Events that a webhook would send."""

    def __init__(self) -> None:
        self.all: list[Notice] = []

    def record(self, notice: Notice) -> None:
        """Keep it."""
        self.all.append(notice)


class NoRegistries:
    """Asks nobody."""

    signers: Mapping[str, str] = {}

    async def complete(
        self, request: Request, applied: Sequence[Applied], deadline: float, *, mutating: bool
    ) -> Request:
        """Return the request as it is."""
        assert applied
        assert deadline
        assert mutating in {True, False}
        return request


@dataclass(frozen=True)
class Reply:
    """An HTTP answer."""

    status: int
    text: str
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def response(self) -> dict[str, Any]:
        """The response of the review in it."""
        assert self.status == 200, self.text
        document = json.loads(self.text)
        assert document["apiVersion"] == "admission.k8s.io/v1"
        assert document["kind"] == "AdmissionReview"
        response: dict[str, Any] = document["response"]
        return response


class Harness:
    """A webhook that knows what the test tells it."""

    def __init__(self, folder: Path, catalog: Sequence[Check] = STANDARDS) -> None:
        self.authority = Authority()
        self.certificate, self.key = folder / "tls.crt", folder / "tls.key"
        self.reloads: list[str | None] = []
        self.notices = Notices()
        self.stream = io.BytesIO()
        self.unready: str | None = None
        self.log = Log(self.stream, lambda: TIME, asyncio.get_running_loop().call_soon)
        self.metrics = Metrics(lambda: 7.0, lambda: 1_000_000.0, dict)
        self.knowledge = Knowledge(
            frozenset((*SYSTEM_NAMESPACES, "revet-system")),
            self.log.complain,
            asyncio.get_running_loop().time,
            catalog,
        )
        self.faults: list[Exception] = []
        self.images: ImageSource = NoRegistries()
        self.reviewer = Reviewer(
            self.knowledge, self.metrics, self.log, self.notices, Clock(), self
        )
        self.write_certificate()
        self.serving = ServingCertificate(self.certificate, self.key, self.reloads.append)
        self.client_tls = ssl.create_default_context(cadata=self.authority.ca_pem.decode())
        self.port = self.health_port = 0
        self.server = Server(
            Doors(self.reviewer).admit,
            lambda status: self.metrics.refused_requests.labels(str(status.value)).inc(),
            self.faults.append,
        )

    @property
    def signers(self) -> Mapping[str, str]:
        """Which keys can't be used."""
        return self.images.signers

    async def complete(
        self, request: Request, applied: Sequence[Applied], deadline: float, *, mutating: bool
    ) -> Request:
        """Ask the registries that the test has."""
        return await self.images.complete(request, applied, deadline, mutating=mutating)

    def write_certificate(self) -> None:
        """Write a new pair for the same authority."""
        credential = self.authority.issue_server("webhook", ["127.0.0.1"])
        self.key.write_bytes(credential.key)
        self.certificate.write_bytes(credential.certificate)

    async def listen(self, stack: AsyncExitStack) -> None:
        """Serve on free ports, as the process does."""
        health = web.AppRunner(
            health_app(self.metrics.expose, lambda: self.unready),
            access_log=None,
            shutdown_timeout=1.0,
        )
        stack.push_async_callback(self.server.end, 1.0)
        loop = asyncio.get_running_loop()
        tls = self.serving.context
        listener = await loop.create_server(self.server, "127.0.0.1", 0, ssl=tls)
        stack.callback(listener.close)
        self.port = listener.sockets[0].getsockname()[1]
        looking = asyncio.create_task(self.server.run())
        stack.callback(looking.cancel)
        self.health_port = await _listen(stack, health)
        connector = aiohttp.TCPConnector(ssl=self.client_tls)
        self.client = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))

    @property
    def url(self) -> str:
        """Where reviews are sent."""
        return f"https://127.0.0.1:{self.port}"

    def connections(self) -> list[object]:
        """Return the connections that the API server would keep."""
        return list(self.server.connections)

    def know(self, *manifests: Manifest) -> None:
        """Learn of policies and namespaces, as a watch would tell."""
        for manifest in manifests:
            is_policy = manifest["kind"] == "HardeningPolicy"
            copy = self.knowledge.policies if is_policy else self.knowledge.namespaces
            copy.put(json.dumps(manifest).encode())

    def see(self, *manifests: Manifest) -> None:
        """Learn of what stands beside: after this nothing of what there may be is unknown."""
        beside = self.knowledge.beside
        copies = {kind: beside.open(kind) for kind in NEIGHBOURS if kind not in beside.freshness}
        for _, freshness in copies.values():
            freshness.mark()
        for each in manifests:
            beside.neighbours.put(read_neighbour(each["kind"], json.dumps(each).encode()))

    async def post(self, path: str, body: bytes, content_type: str = "application/json") -> Reply:
        """Send bytes."""
        headers = {"Content-Type": content_type}
        async with self.client.post(
            self.url + path, data=io.BytesIO(body), headers=headers
        ) as answer:
            return Reply(answer.status, await answer.text(), dict(answer.headers))

    async def ask(
        self,
        path: str,
        subject: Manifest | None,
        **fields: Any,  # noqa: ANN401 -- as review's
    ) -> dict[str, Any]:
        """Send a review and return the response in the answer."""
        reply = await self.post(path, json.dumps(review(subject, **fields)).encode())
        return reply.response

    async def health(self, path: str) -> Reply:
        """Ask the health server."""
        async with self.client.get(f"http://127.0.0.1:{self.health_port}{path}") as answer:
            return Reply(answer.status, await answer.text(), dict(answer.headers))

    def count(self, name: str, **labels: str) -> float:
        """Return a metric's value, 0 where it has not been counted yet."""
        return self.metrics.registry.get_sample_value(name, labels) or 0.0

    def lines(self, event: str = "decision") -> list[dict[str, Any]]:
        """Return the lines of the log about `event`."""
        self.log.flush()
        logged = [json.loads(line) for line in self.stream.getvalue().splitlines()]
        return [line for line in logged if line["event"] == event]


async def until(is_true: Callable[[], object]) -> None:
    """Wait for a condition, for five seconds at most."""
    async with asyncio.timeout(5):
        while not is_true():  # noqa: ASYNC110 -- it is nobody's event
            await asyncio.sleep(0.002)


async def _listen(stack: AsyncExitStack, runner: web.BaseRunner) -> int:
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port: int = runner.addresses[0][1]
    return port


@asynccontextmanager
async def serve(folder: Path, catalog: Sequence[Check] = STANDARDS) -> AsyncIterator[Harness]:
    """Run a webhook that knows nothing yet but the controls."""
    harness = Harness(folder, catalog)
    async with AsyncExitStack() as stack:
        await harness.listen(stack)
        yield harness
