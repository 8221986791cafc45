"""Measures the engine by itself: every control of the profile high on one typical pod."""

import json
import time
from statistics import median
from typing import Any

from bench.figures import Figure
from bench.progress import Progress
from bench.review import read_pod
from revet.core.compiled_policy import CompiledPolicy
from revet.core.engine import evaluate
from revet.core.model.policy import parse_policy
from revet.core.workload import read

PODS = 2_000
"""So many in a round."""
_ENV = (
    ("LOG_LEVEL", "info"),
    ("PORT", "8080"),
    ("DATABASE_URL", "postgres://orders-db.shop.svc.cluster.local:5432/orders?sslmode=verify-full"),
    ("CACHE_ADDR", "redis.cache.svc.cluster.local:6379"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://otel-collector.monitoring.svc:4317"),
    ("JAVA_TOOL_OPTIONS", "-XX:MaxRAMPercentage=75.0 -XX:+ExitOnOutOfMemoryError"),
)
"""As a service has them: controls read the values, and those of the review are short numbers."""


def measure(rounds: int) -> list[Figure]:
    """Take the medians of CPU time: to decode a pod, and to lay it out and judge it."""
    data, checks = _render_pod(), _compile().pod_checks
    decoding: list[float] = []
    judging: list[float] = []
    with Progress("the engine", rounds) as progress:
        for _ in range(rounds):
            progress.step("high")
            start = time.process_time()
            for _ in range(PODS):
                subject = read("", "Pod", data)
            decoded = time.process_time()
            for _ in range(PODS):
                evaluate(subject.pod(), checks)
            decoding.append((decoded - start) / PODS * 1e6)
            judging.append((time.process_time() - decoded) / PODS * 1e6)
    return [
        Figure("engine_decode", median(decoding), "us"),
        Figure("engine_high", median(judging), "us", at_most=60),
    ]


def _render_pod() -> bytes:
    pod: dict[str, Any] = json.loads(read_pod())
    for container in pod["spec"]["containers"]:
        container["env"] = [{"name": name, "value": value} for name, value in _ENV]
    return json.dumps(pod).encode()


def _compile() -> CompiledPolicy:
    policy = {
        "apiVersion": "revet.dev/v1alpha1",
        "kind": "HardeningPolicy",
        "metadata": {"name": "high"},
        "spec": {"namespaceSelector": {}, "profile": "high"},
    }
    return CompiledPolicy.of(parse_policy(json.dumps(policy)))
