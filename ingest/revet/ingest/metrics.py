"""The ingest's metrics, by name; none has a pod, a rule or a node in it: those are without end."""

from collections.abc import Callable
from functools import cache
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.exposition import generate_latest

from revet.core.model.policy_runtime import Source
from revet.core.runtime.findings import Finding
from revet.core.runtime.pipeline import Result

_GAUGES: Final = (
    ("revet_ingest_queue_events", "Events that have been taken and not looked at yet."),
    ("revet_ingest_held_events", "Events that wait for their pod to be seen."),
    ("revet_ingest_policies", "Policies that ask for events."),
    ("revet_ingest_findings", "Findings, by signature, that are kept."),
    (
        "revet_ingest_cache_age_seconds",
        "Seconds since the API server was last heard by the watch that is furthest behind.",
    ),
)


class Metrics:
    """Everything that the ingest counts."""

    def __init__(self) -> None:
        """Make the metrics."""
        self.registry = CollectorRegistry()
        requests = self._counter(
            "revet_ingest_requests", "Requests of senders, by HTTP status.", "source", "status"
        )
        events = self._counter(
            "revet_ingest_events",
            "Events, by what became of them (alive, loss, duplicate, held, mismatch, unattributed, "
            "node, unmatched, matched, failed); one that was held counts twice.",
            "source",
            "result",
        )
        self.dropped = self._counter(
            "revet_ingest_dropped",
            "Events that were not taken in (queue-full, rate-limit, malformed, mismatch), and "
            "bodies (too-large).",
            "source",
            "reason",
        )
        findings = self._counter(
            "revet_runtime_findings", "Events that matched.", "policy", "source", "severity"
        )
        self._last = Gauge(
            "revet_ingest_last_event_timestamp_seconds",
            "When the newest event of a sensor came, in seconds since the epoch.",
            ("source",),
            registry=self.registry,
        )
        # Looking a child up by its labels costs more than counting; the combinations are few.
        self._requests = cache(requests.labels)
        self._events = cache(events.labels)
        self._findings = cache(findings.labels)

    def follow(self, *readings: Callable[[], float]) -> None:
        """Have the gauges read, in their order."""
        for (name, text), read in zip(_GAUGES, readings, strict=True):
            Gauge(name, text, registry=self.registry).set_function(read)

    def count_request(self, source: Source, status: int) -> None:
        """Count a request of a sender's."""
        self._requests(source, str(status)).inc()

    def count_event(self, source: Source, result: Result) -> None:
        """Count what became of an event."""
        self._events(source, result).inc()

    def count_finding(self, finding: Finding) -> None:
        """Count an event that concerns a policy."""
        self._findings(finding.policy_name, finding.source, finding.severity).inc()

    def note_heard(self, source: Source, at: float) -> None:
        """Note when a sensor was last heard."""
        self._last.labels(source).set(at)

    def expose(self) -> bytes:
        """Return all of it in Prometheus' text format."""
        return generate_latest(self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self.registry)
