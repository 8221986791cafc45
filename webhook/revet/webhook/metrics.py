"""The webhook's metrics, by name; in a registry of their own, passed in where they are counted."""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

# An answer takes well under a millisecond; the API server gives up after 2 or 5 seconds.
_BUCKETS_S: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 1, 2, 5)


class _Generations(Collector):
    """Policies come and go, so their gauge is made anew at each scrape."""

    def __init__(self, generations: Callable[[], Mapping[str, int]]) -> None:
        self._generations = generations

    def collect(self) -> Iterator[Metric]:
        family = GaugeMetricFamily(
            "revet_policy_generation",
            "metadata.generation of each policy as this replica judges by it.",
            labels=("policy",),
        )
        for name, generation in self._generations().items():
            family.add_metric((name,), generation)
        yield family


class Metrics:
    """Everything that the webhook counts."""

    def __init__(
        self,
        cache_age: Callable[[], float],
        last_sync: Callable[[], float],
        generations: Callable[[], Mapping[str, int]],
    ) -> None:
        """Make the metrics; the functions are asked at each scrape.

        They give seconds, seconds since the epoch, and the generation of each policy by name.
        """
        self.registry = CollectorRegistry()
        self.registry.register(_Generations(generations))
        reviews = self._counter(
            "revet_admission_reviews",
            "AdmissionReviews answered, by the entry's door, the object's kind and the verdict "
            "(allowed, warned, denied, patched, held, unjudged, failed).",
            ("door", "kind", "verdict"),
        )
        duration = Histogram(
            "revet_admission_review_duration_seconds",
            "Time from when a review has been read to when its answer is decided, by the "
            "entry's door.",
            ("door",),
            buckets=_BUCKETS_S,
            registry=self.registry,
        )
        # Looking a child up by its labels costs more than counting; the combinations are few.
        self._reviews = cache(reviews.labels)
        self._durations = cache(duration.labels)
        self._add_judgements()
        self._add_counters()
        self._add_wait_counters()
        self._add_ages(cache_age, last_sync)

    def _add_judgements(self) -> None:
        self.findings = self._counter(
            "revet_findings",
            "Findings at admission, dry runs left out, each counted once however many entries "
            "were called for the object.",
            ("policy", "control", "mode"),
        )
        self.unknown = self._counter(
            "revet_unknown",
            "The same, of controls that could not judge for want of another object or of a "
            "registry's answer.",
            ("policy", "control", "mode"),
        )
        self.fail_closed = self._counter(
            "revet_fail_closed",
            "Objects denied because they could not be judged, by reason (unknown-entry, error).",
            ("reason",),
        )
        self.refused_requests = self._counter(
            "revet_refused_requests",
            "Requests that were no review that can be answered, by HTTP status.",
            ("status",),
        )
        self.certificate_reloads = self._counter(
            "revet_certificate_reloads",
            "Certificates read again after a change, by result (ok, failed).",
            ("result",),
        )

    def _add_wait_counters(self) -> None:
        """Add those of what an answer may wait for."""
        self.image_questions = self._counter(
            "revet_image_questions",
            "Questions what a tag stands for, by how they were answered: known (asked seconds "
            "ago), asked, stale (the registry gave no answer, an older one was used), absent, "
            "unknown.",
            ("answer",),
        )

    def _add_counters(self) -> None:
        self.waits = self._counter(
            "revet_baseline_waits",
            "Pods that came into a namespace without what policies write into it, dry runs left "
            "out, by result (held, admitted: the operator had a minute).",
            ("result",),
        )

    def _add_ages(self, cache_age: Callable[[], float], last_sync: Callable[[], float]) -> None:
        Gauge(
            "revet_cache_age_seconds",
            "Seconds since the API server was last heard by the watch that is furthest behind.",
            registry=self.registry,
        ).set_function(cache_age)
        Gauge(
            "revet_cache_last_sync_timestamp_seconds",
            "When that watch last heard of the API server, in seconds since the epoch.",
            registry=self.registry,
        ).set_function(last_sync)

    def _counter(self, name: str, text: str, labels: tuple[str, ...]) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def count_review(self, door: str, kind: str, verdict: str, elapsed_s: float) -> None:
        """Count a review and how long its answer took."""
        self._reviews(door, kind, verdict).inc()
        self._durations(door).observe(elapsed_s)

    def expose(self) -> bytes:
        """Return all of it in Prometheus' text format."""
        return generate_latest(self.registry)
