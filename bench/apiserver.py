"""Measures what webhooks cost a real API server: Pod CREATE with dryRun=All, round by round."""

import re
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bench.figures import Figure, median_ratio
from bench.progress import Progress
from bench.servers import Server, Site
from bench.traffic import Target, Traffic, TrafficError, send
from bench.turns import take_turns
from bench.usage import Meter, read_usage

# As many as the webhooks alone get. Over HTTP/1.1 the API server keeps at most 25 idle connections
# to a webhook (idleConnsPerHost of client-go): above that, handshakes would be measured.
CONNECTIONS = 16
LABEL = "revet.dev/bench"
_DEADLINE_S = 60.0


@dataclass(frozen=True)
class Variant:
    """A namespace, and the webhooks that the API server calls for its pods, by their names."""

    name: str
    namespace: str
    webhooks: Sequence[str] = ()
    server: Server | None = None
    """Who serves them."""


@dataclass(frozen=True)
class Sample:
    """What creating pods was like in one round."""

    traffic: Traffic
    cpu_us: float
    """CPU time of API server, etcd and webhook for one pod."""


Rounds = Mapping[str, Sequence[Sample]]


def measure(
    site: Site, variants: Sequence[Variant], body: Path, rounds: int, seconds: float
) -> Rounds:
    """Create pods in each namespace, in turns."""
    for variant in variants:
        _wait_until_called(site, variant, body.read_text())
    results: dict[str, list[Sample]] = {each.name: [] for each in variants}
    with Progress("the API server", rounds * len(variants)) as progress:
        for variant in take_turns(variants, rounds):
            progress.step(variant.name)
            results[variant.name].append(_measure_once(site, variant, body, seconds))
    return results


def summarize(results: Rounds) -> list[Figure]:
    """Take each variant's medians."""
    figures = []
    for name, each in results.items():
        figures += [
            Figure(f"apiserver_{name}_rate", median(one.traffic.rate for one in each), "1/s"),
            Figure(f"apiserver_{name}_cpu", median(one.cpu_us for one in each), "us"),
            Figure(f"apiserver_{name}_p50", median(one.traffic.p50_ms for one in each), "ms"),
            Figure(f"apiserver_{name}_p99", median(one.traffic.p99_ms for one in each), "ms"),
        ]
    return figures


def rate_ratio(results: Rounds, ours: str, reference: str) -> float:
    """Compare rates, round by round."""
    return median_ratio(
        [sample.traffic.rate for sample in results[ours]],
        [sample.traffic.rate for sample in results[reference]],
    )


def cpu_ratio(results: Rounds, ours: str, reference: str) -> float:
    """Compare all CPU time for a pod, round by round: what the rates should be on a quiet machine.

    It is the reference's over ours, so that it reads like the ratio of rates.
    """
    return median_ratio(
        [sample.cpu_us for sample in results[reference]],
        [sample.cpu_us for sample in results[ours]],
    )


def render_webhook(site: Site, name: str, url: str, label: str) -> dict[str, Any]:
    """Render the configuration of a webhook for pods in the namespaces with this LABEL."""
    pods = {
        "apiGroups": [""],
        "apiVersions": ["v1"],
        "operations": ["CREATE"],
        "resources": ["pods"],
        "scope": "Namespaced",
    }
    entry = {
        "name": name,
        "admissionReviewVersions": ["v1"],
        "clientConfig": {"url": url, "caBundle": b64encode(site.plane.ca_pem).decode()},
        "failurePolicy": "Fail",
        "namespaceSelector": {"matchLabels": {LABEL: label}},
        "rules": [pods],
        "sideEffects": "None",
        "timeoutSeconds": 5,
    }
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": name},
        "webhooks": [entry],
    }


def _measure_once(site: Site, variant: Variant, body: Path, seconds: float) -> Sample:
    target = Target(
        url=f"{site.plane.url}/api/v1/namespaces/{variant.namespace}/pods?dryRun=All",
        body=body,
        authority=site.authority,
        status=201,
        certificate=site.plane.pki / "admin.crt",
        key=site.plane.pki / "admin.key",
    )
    before = _count_calls(site)
    meter = Meter(lambda: _cpu_s(site, variant))
    traffic = send(target, connections=CONNECTIONS, seconds=seconds, ready=meter.start)
    cpu_us = meter.read() / traffic.requests * 1e6
    called = _count_calls(site) - before
    # A webhook that was not called would look fast.
    expected = set(variant.webhooks)
    if set(called) != expected or any(called[name] < traffic.requests for name in expected):
        wanted = f"{traffic.requests} calls of each of {sorted(expected)}"
        raise TrafficError(f"{variant.name}: want {wanted}, the API server made {dict(called)}")
    return Sample(traffic, cpu_us)


def _cpu_s(site: Site, variant: Variant) -> float:
    pids = site.plane.pids
    used = sum(read_usage(pids[name]).cpu_s for name in ("kube-apiserver", "etcd"))
    return used + (variant.server.cpu_s() if variant.server else 0.0)


def _wait_until_called(site: Site, variant: Variant, pod: str) -> None:
    """Create pods until the API server, which watches configurations, knows all webhooks."""
    deadline = time.monotonic() + _DEADLINE_S
    before = _count_calls(site)
    create = ("create", "--dry-run=server", f"--namespace={variant.namespace}", "--filename=-")
    while True:
        site.plane.kubectl(*create, input=pod)
        missing = set(variant.webhooks) - set(_count_calls(site) - before)
        if not missing:
            return
        if time.monotonic() > deadline:
            raise TrafficError(
                f"the API server has not called {sorted(missing)} for {variant.namespace} "
                f"in {_DEADLINE_S:.0f} s"
            )


def _count_calls(site: Site) -> Counter[str]:
    """Read how often the API server has called each webhook and got an answer."""
    text = site.plane.kubectl("get", "--raw=/metrics").stdout
    calls: Counter[str] = Counter()
    for line in re.findall(r"^apiserver_admission_webhook_request_total\{.*$", text, re.MULTILINE):
        labels = dict(re.findall(r'(\w+)="([^"]*)"', line))
        if labels["code"] == "200":
            calls[labels["name"]] += int(float(line.rpartition(" ")[2]))
    return calls
