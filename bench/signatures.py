"""Measures signatures as the product judges them: one at a time, and 200 images that nobody knows.

On a control plane of its own, with a registry that is some way off, and reviews of others between.
"""

import asyncio
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from statistics import median
from typing import Any, Final, NamedTuple

import aiohttp

from bench.cached import measure_cached_mib
from bench.figures import Figure
from bench.progress import Progress
from bench.review import read_review
from bench.signed import TRUST, Signed, found_signed, render_review
from bench.traffic import Target, Traffic, TrafficError, send
from bench.usage import read_usage
from e2e.cluster.certificates import Authority
from e2e.cluster.controlplane import ControlPlane
from e2e.crd import install_crd
from e2e.webhook import OWN_NAMESPACE, Webhook, policy
from revet.core.compiled_policy import CompiledPolicy
from revet.core.model.policy import parse_policy
from revet.core.render.webhook import FAIL_TIMEOUT_S
from tests.support.registry import FakeRegistry, serving_beside

IMAGES: Final = 200
_SINGLE: Final = 24
_CONTAINERS: Final = 8
_STORMS: Final = 3
#: As far off as a registry on the other side of an ocean.
_DELAY_S: Final = 0.1
_RETRY_S: Final = 10.0
_OTHERS_RATE: Final = 100.0
_OTHERS_CONNECTIONS: Final = 4
_SIGNED, _PLAIN = "signed", "plain"


class Answer(NamedTuple):
    """What was said to a review, and how long it took."""

    allowed: bool
    message: str
    seconds: float

    @property
    def is_verdict(self) -> bool:
        """Whether it was judged; else it was not known in time."""
        return self.allowed or "not checked" not in self.message


@dataclass
class Site:
    """What is measured."""

    webhook: Webhook
    plane: ControlPlane
    signed: Signed
    paths: dict[str, str]
    tls: ssl.SSLContext
    numbers: Iterator[int] = field(default_factory=count)

    def push(self, images: int) -> list[str]:
        """Push signed images that nobody knows yet, as if the registry were here."""
        self.signed.registry.delay_s = 0.0
        return [self.signed.push(f"team/app-{next(self.numbers)}") for _ in range(images)]

    def url(self, name: str) -> str:
        """Return where the API server sends reviews that a policy judges."""
        path = f"{self.paths[name]}?timeout={FAIL_TIMEOUT_S}s"
        return f"https://127.0.0.1:{self.webhook.port}{path}"

    def cpu_ms(self) -> float:
        """Read the CPU time of the webhook since its start."""
        return read_usage(self.webhook.pid).cpu_s * 1000

    def asked(self) -> int:
        """Count what the registry was asked."""
        return len(self.signed.registry.asked)

    def paths_since(self, asked: int) -> list[str]:
        """Return what the registry was asked for after so many requests."""
        return self.signed.registry.paths()[asked:]

    @property
    def others(self) -> Target:
        """The reviews of others, whose policy wants no signatures."""
        body = self.plane.folder / "review-plain.json"
        body.write_bytes(read_review(_PLAIN))
        return Target(self.url(_PLAIN), body, self.plane.pki / "ca.crt", allowed=True)

    async def send(self, session: aiohttp.ClientSession, images: list[str]) -> Answer:
        """Send the review of a pod with these images."""
        started = time.perf_counter()
        body = render_review(images, _SIGNED)
        headers = {"Content-Type": "application/json"}
        async with session.post(self.url(_SIGNED), data=body, headers=headers) as reply:
            answer = json.loads(await reply.read())["response"]
        message = answer.get("status", {}).get("message", "")
        return Answer(answer["allowed"], message, time.perf_counter() - started)

    def session(self) -> aiohttp.ClientSession:
        """Open a session with as many connections as it needs."""
        return aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=self.tls, limit=0))


class Storm:
    """Pods of images that nobody knows, all at once, from a thread of its own."""

    def __init__(self, site: Site, images: Sequence[str], known: str) -> None:
        self._site = site
        self._images = images
        self._known = known
        self._is_ready = threading.Event()
        self._starts = threading.Event()
        self.answers: list[Answer] = []
        self._thread = threading.Thread(target=lambda: asyncio.run(self._rage()))

    def prepare(self) -> None:
        """Open all connections."""
        self._thread.start()
        self._is_ready.wait()

    def start(self) -> None:
        """Begin."""
        self._starts.set()

    def wait(self) -> None:
        """Wait for the last answer."""
        self._thread.join()

    async def _rage(self) -> None:
        async with self._site.session() as session:
            known = (self._site.send(session, [self._known]) for _ in self._images)
            await asyncio.gather(*known)
            self._is_ready.set()
            await asyncio.to_thread(self._starts.wait)
            sent = (self._site.send(session, [each]) for each in self._images)
            self.answers = await asyncio.gather(*sent)


class Seen(NamedTuple):
    """What became of one storm."""

    verdicts: int
    latest_s: float
    others_p99_ms: float
    calm_p99_ms: float
    """The same, just before."""
    warm: int


def measure() -> list[Figure]:
    """Measure all of it, on a control plane that is booted for it."""
    cached_mib = measure_cached_mib()
    with Progress("signatures", _STORMS + 2) as progress, _open_site() as site:
        # What verifies is imported for the first one.
        _judge(site, [[each] for each in site.push(1)])
        progress.step("cold")
        one, asked = _judge(site, [[each] for each in site.push(_SINGLE)])
        progress.step("eight containers")
        _, asked_eight = _judge(site, [[each] * _CONTAINERS for each in site.push(_SINGLE)])
        storms = []
        for _ in range(_STORMS):
            progress.step("storm")
            storms.append(_measure_storm(site))
        rss_mib = read_usage(site.webhook.pid).rss_mib + cached_mib
    others = median(each.others_p99_ms for each in storms)
    latest = max(each.latest_s for each in storms)
    return [
        Figure("images_cold_keyless", one, "ms", at_most=40),
        Figure("images_eight_containers", asked_eight / asked, "verifications", at_most=1),
        Figure("images_storm_latest", latest, "s", at_most=FAIL_TIMEOUT_S),
        Figure("images_storm_verdicts", min(each.verdicts for each in storms), "", at_least=80),
        Figure("images_storm_warm", min(each.warm for each in storms), "", at_least=IMAGES),
        Figure("images_storm_others_p99", others, "ms", at_most=50),
        Figure("images_storm_calm_p99", median(each.calm_p99_ms for each in storms), "ms"),
        Figure("images_rss", rss_mib, "MiB", at_most=150),
    ]


def _judge(site: Site, pods: Sequence[list[str]]) -> tuple[float, int]:
    """Have pods judged one after the other; return CPU time for each, and what was asked."""

    async def judge() -> list[Answer]:
        async with site.session() as session:
            return [await site.send(session, each) for each in pods]

    before, asked = site.cpu_ms(), site.asked()
    _require(asyncio.run(judge()))
    return (site.cpu_ms() - before) / len(pods), site.asked() - asked


def _measure_storm(site: Site) -> Seen:
    images = site.push(IMAGES)
    (known,) = site.push(1)
    _judge(site, [[known]])
    site.signed.registry.delay_s = _DELAY_S
    storm = Storm(site, images, known)
    storm.prepare()
    calm = _send_others(site)
    others = _send_others(site, storm.start)
    storm.wait()
    time.sleep(_RETRY_S)
    asked = site.asked()
    _judge(site, [[each] for each in images])
    cold = {each.partition("/app-")[2].partition("/")[0] for each in site.paths_since(asked)}
    return Seen(
        sum(each.is_verdict for each in storm.answers),
        max(each.seconds for each in storm.answers),
        others.p99_ms,
        calm.p99_ms,
        IMAGES - len(cold),
    )


def _send_others(site: Site, ready: Callable[[], None] = lambda: None) -> Traffic:
    return send(
        site.others,
        connections=_OTHERS_CONNECTIONS,
        seconds=FAIL_TIMEOUT_S,
        rate=_OTHERS_RATE,
        ready=ready,
    )


def _require(answers: Sequence[Answer]) -> None:
    """Require that all were let in: each image is signed."""
    for each in answers:
        if not each.allowed:
            raise TrafficError(f"a signed image was refused: {each.message.strip()}")


@contextmanager
def _open_site() -> Iterator[Site]:
    authority, registry = Authority("registry"), FakeRegistry()
    with ControlPlane() as plane, serving_beside(registry, authority):
        install_crd(plane)
        signed = found_signed(registry)
        policies = [_policy(_SIGNED, signed.images()), _policy(_PLAIN, {"digest": "Require"})]
        config = {"apiVersion": "v1", "kind": "ConfigMap", "data": signed.trust(authority.ca_pem)}
        plane.apply(
            [
                *(_namespace(each) for each in (OWN_NAMESPACE, _SIGNED, _PLAIN)),
                config | {"metadata": {"name": TRUST.name, "namespace": OWN_NAMESPACE}},
                *policies,
            ]
        )
        with Webhook(plane) as webhook:
            for each in (_SIGNED, _PLAIN):
                webhook.wait_for(each)
            tls = ssl.create_default_context(cadata=plane.ca_pem.decode())
            paths = {each["metadata"]["name"]: _path(each) for each in policies}
            yield Site(webhook, plane, signed, paths, tls)


def _policy(name: str, images: dict[str, Any]) -> dict[str, Any]:
    return policy(name, {"bench": name}, enforcement="Enforce", images=images)


def _namespace(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, "labels": {"bench": name}},
    }


def _path(manifest: dict[str, Any]) -> str:
    return CompiledPolicy.of(parse_policy(json.dumps(manifest))).entries[0][1].path
