"""The operator's metrics, by name; in a registry of their own, passed in where they are counted."""

from datetime import datetime
from math import nan

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest


class Metrics:
    """Everything that the operator counts."""

    def __init__(self) -> None:
        """Make the metrics."""
        self.registry = CollectorRegistry()
        self.fail_entries = self._gauge(
            "revet_fail_entries", "Fail entries that stand in the webhook configurations."
        )
        self.ready_replicas = self._gauge(
            "revet_ready_replicas",
            "Replicas of the webhook that were ready when last counted; NaN where that is unknown.",
        )
        # Nobody has counted: 0 would say that there is none.
        self.ready_replicas.set(nan)
        self.policies = self._gauge(
            "revet_policies", "Policies, by whether their spec is valid.", "accepted"
        )
        self.reconciles = Counter(
            "revet_reconciles",
            "Reconciliations, by what they were about and the result (ok, failed).",
            ("about", "result"),
            registry=self.registry,
        )
        self.reconcile_duration = Histogram(
            "revet_reconcile_duration_seconds",
            "Time of one reconciliation, by what it was about.",
            ("about",),
            registry=self.registry,
        )
        self.queue_late = self._gauge(
            "revet_queue_late_seconds",
            "For how long the reconciliation that is due first has been so.",
        )
        self.leads = self._gauge("revet_leader", "Whether this replica leads: 1 or 0.")
        self._expiry = self._gauge(
            "revet_certificate_expiry_timestamp_seconds",
            "End of a certificate (ca, serving, ingest), in seconds since the epoch.",
            "certificate",
        )
        self._add_runtime()

    def _add_runtime(self) -> None:
        self.status_writes = Counter(
            "revet_status_writes", "Writes of a policy's status.", registry=self.registry
        )
        self.ingest_replicas = self._gauge(
            "revet_ingest_replicas",
            "Replicas of the ingest that have answered when last asked; NaN where none was.",
        )
        self.ingest_replicas.set(nan)

    def note_expiry(self, certificate: str, end: datetime) -> None:
        """Note when a certificate ends."""
        self._expiry.labels(certificate).set(end.timestamp())

    def expose(self) -> bytes:
        """Return all of it in Prometheus' text format."""
        return generate_latest(self.registry)

    def _gauge(self, name: str, meaning: str, *labels: str) -> Gauge:
        return Gauge(name, meaning, labels, registry=self.registry)
