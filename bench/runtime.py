"""Measures the ingest as the product runs it: events a CPU second, memory, and how soon it is told.

On a control plane of its own, with operator and ingest as the chart has them. Each event is another
one, on one pod, of 50 signatures.
"""

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from statistics import median, quantiles
from typing import Final, NamedTuple

from bench.figures import Figure
from bench.progress import Progress
from bench.traffic import TrafficError
from bench.usage import read_usage
from e2e.api import Api, wait_for
from e2e.cluster.controlplane import ControlPlane
from e2e.ingest import TOKEN, Ingest, listening
from e2e.release import Release
from e2e.webhook import policy
from tests.support.manifests import workload

BATCH: Final = 100
RATE: Final = 5_000
_CONNECTIONS: Final = 4
#: As in the storm that must not be felt: 10,000 events in ten seconds.
_PACED_RATE: Final = 50
_PACED_BATCH: Final = 20
_FLIPS: Final = 10
_FOUND: Final = "revet_runtime_findings_total"
_HEADERS: Final = (
    b"POST /v1/ingest/falco HTTP/1.1\r\nHost: localhost\r\nUser-Agent: falcosecurity/falco\r\n"
    b"Content-Type: application/json\r\nAuthorization: Bearer %b\r\nContent-Length: %%d\r\n\r\n"
) % TOKEN.encode()
_numbers: Final = count(1)
_ALERT: Final = (
    '{"hostname":"node-a","output":"A shell was spawned in a container","output_fields":'
    '{"container.id":"0123456789ab","container.image.repository":"registry.example.com/shop/web",'
    '"container.image.tag":"1.4","container.name":"app","evt.num":%d,"k8s.ns.name":"%s",'
    '"k8s.pod.name":"%s","proc.cmdline":"bash -i","proc.exepath":"/bin/bash","proc.name":"bash",'
    '"proc.pname":"sh","proc.tty":34816,"user.loginuid":-1,"user.name":"root","user.uid":0},'
    '"priority":"Warning","rule":"Rule %d","source":"syscall","tags":["T1059","container",'
    '"maturity_stable","mitre_execution","shell"],"time":"%s"}'
)


class Site(NamedTuple):
    """What is measured, and the pod that events are about."""

    release: Release
    ingest: Ingest
    api: Api
    namespace: str
    pod: str

    def body(self, events: int, rule: int | None = None) -> bytes:
        """Write so many alerts, one a line."""
        lines, now = [], datetime.now(UTC).isoformat()
        for number in (next(_numbers) for _ in range(events)):
            name = number % 50 if rule is None else rule
            lines.append(_ALERT % (number, self.namespace, self.pod, name, now))
        return "\n".join(lines).encode()


class _Line:
    """One connection of a sender's; each request goes out at once, as libcurl sends it."""

    def __init__(self, site: Site) -> None:
        tls = ssl.create_default_context(cafile=str(site.ingest.authority))
        plain = socket.create_connection(("127.0.0.1", site.ingest.port), timeout=30)
        self._socket = tls.wrap_socket(plain, server_hostname="127.0.0.1")
        self._file = self._socket.makefile("rb")

    def send(self, body: bytes) -> float:
        """Send a body that must be taken; return how long the answer took, in milliseconds."""
        started = time.perf_counter()
        self._socket.sendall(_HEADERS % len(body) + body)
        status = self._file.readline()
        length = 0
        while (line := self._file.readline().lower()) not in {b"\r\n", b""}:
            if line.startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        text = self._file.read(length)
        if not status.startswith(b"HTTP/1.1 202 "):
            raise TrafficError(f"the ingest answered {status.decode()}: {text.decode()}")
        return (time.perf_counter() - started) * 1000


def measure(rounds: int, seconds: float) -> list[Figure]:
    """Measure all of it, on a control plane that is booted for it."""
    with (
        Progress("runtime events", rounds * 2 + _FLIPS + 1) as progress,
        ControlPlane() as plane,
        listening(plane) as (release, ingest),
    ):
        with _open_site(plane, release, ingest) as site:
            batches, singles = [], []
            for _ in range(rounds):
                progress.step("batches")
                batches.append(_measure_rate(site, BATCH, seconds))
                progress.step("one by one")
                singles.append(_measure_rate(site, 1, seconds))
            progress.step("paced")
            p50, p99 = _measure_paced(site, max(seconds * 5, 2))
            flips = _measure_flips(site, progress)
        return [
            Figure("runtime_batch_rate", median(batches), "events/CPU-s", at_least=RATE),
            Figure("runtime_single_rate", median(singles), "events/CPU-s"),
            Figure("runtime_paced_p50", p50, "ms"),
            Figure("runtime_paced_p99", p99, "ms", at_most=20),
            Figure("runtime_flip", median(flips), "s", at_most=2),
            Figure("runtime_flip_max", max(flips), "s"),
            Figure("runtime_rss", ingest.rss_mib(), "MiB", at_most=150),
        ]


@contextmanager
def _open_site(plane: ControlPlane, release: Release, ingest: Ingest) -> Iterator[Site]:
    namespace = plane.create_namespace({"measured": "yes"})
    api = Api(plane)
    api.create(workload("Deployment"), namespace)
    wait_for(lambda: api.items("Pod", namespace), "a pod", 60)
    plane.apply(policy("measured", {"measured": "yes"}, runtime={}))
    pod: str = api.items("Pod", namespace)[0]["metadata"]["name"]
    site = Site(release, ingest, api, namespace, pod)
    line = _Line(site)

    def is_found() -> bool:
        line.send(site.body(1))
        return ingest.metric(_FOUND) > 0

    wait_for(is_found, "the policy is known", 60)
    yield site
    api.close()


def _measure_rate(site: Site, events: int, seconds: float) -> float:
    """Send as fast as is answered; return the events for each second of the ingest's CPU time."""
    lines = [_Line(site) for _ in range(_CONNECTIONS)]
    for line in lines:
        line.send(site.body(events))
    found, used = site.ingest.metric(_FOUND), read_usage(site.ingest.pid).cpu_s
    sent = _load(site, lines, events, seconds)
    wait_for(lambda: site.ingest.metric("revet_ingest_queue_events") == 0, "worked off", 60)
    cpu_s = read_usage(site.ingest.pid).cpu_s - used
    added = site.ingest.metric(_FOUND) - found
    # Those of the first requests may have been counted only now.
    if not sent <= added <= sent + _CONNECTIONS * events:
        raise TrafficError(f"{sent} events were sent, {added:.0f} were found")
    return sent / cpu_s


def _load(site: Site, lines: list[_Line], events: int, seconds: float) -> int:
    sent = [0] * len(lines)
    until = time.monotonic() + seconds

    def run(number: int) -> None:
        while time.monotonic() < until:
            lines[number].send(site.body(events))
            sent[number] += events

    threads = [threading.Thread(target=run, args=(each,)) for each in range(len(lines))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(sent)


def _measure_paced(site: Site, seconds: float) -> tuple[float, float]:
    """Send by the clock; return two percentiles of the answers, from when each was due."""
    line, taken = _Line(site), []
    started = time.monotonic()
    line.send(site.body(_PACED_BATCH))
    for number in range(int(seconds * _PACED_RATE)):
        body, due = site.body(_PACED_BATCH), started + number / _PACED_RATE
        time.sleep(max(0.0, due - time.monotonic()))
        late_ms = max(0.0, (time.monotonic() - due) * 1000)
        taken.append(late_ms + line.send(body))
    return median(taken), quantiles(taken, n=100)[-1]


def _measure_flips(site: Site, progress: Progress) -> list[float]:
    """Return how long it takes from an event to the condition, under the load of the bar."""
    stop = threading.Event()

    def load() -> None:
        line, started = _Line(site), time.monotonic()
        for number in count():
            if stop.wait(max(0.0, started + number * BATCH / RATE - time.monotonic())):
                return
            line.send(site.body(BATCH))

    thread = threading.Thread(target=load)
    thread.start()
    try:
        return [_measure_flip(site, progress, number) for number in range(_FLIPS)]
    finally:
        stop.set()
        thread.join()


def _measure_flip(site: Site, progress: Progress, number: int) -> float:
    progress.step("flips")
    name, rule = f"flip-{number}", 1000 + number
    runtime = {"rules": [{"name": "one", "ruleNames": [f"Rule {rule}"]}]}
    site.release.plane.apply(policy(name, {"measured": "yes"}, runtime=runtime))
    path = f"/apis/revet.dev/v1alpha1/hardeningpolicies/{name}"

    def truth() -> str:
        conditions = site.api.send("GET", path).body.get("status", {}).get("conditions", ())
        said = {each["type"]: str(each["status"]) for each in conditions}
        return said.get("RuntimeViolations", "")

    wait_for(lambda: truth() == "False", "no violation yet", 60)
    known = site.ingest.metric
    wait_for(lambda: known("revet_ingest_policies") == number + 2, "known to the ingest", 60)
    started = time.monotonic()
    _Line(site).send(site.body(1, rule))
    wait_for(lambda: truth() == "True", "told", 60)
    return time.monotonic() - started
