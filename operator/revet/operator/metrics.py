"""The operator's metrics, by name; in a registry of their own, passed in where they are counted."""

from datetime import datetime
from math import nan

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest

from revet.operator.audit_metrics import AuditMetrics
from revet.operator.image_metrics import ImageMetrics


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
        self.ready_replicas.set(nan)  # nobody has counted: 0 would say that there is none
        self.policies = self._gauge(
            "revet_policies", "Policies, by whether their spec is valid.", "accepted"
        )
        self.reconciles = self._counter(
            "revet_reconciles", "Reconciliations, by the result (ok, failed).", "about", "result"
        )
        self.reconcile_duration = Histogram(
            "revet_reconcile_duration_seconds",
            "Time of one reconciliation, by what it was about.",
            ("about",),
            registry=self.registry,
        )
        self.queue_late = self._gauge(
            "revet_queue_late_seconds", "For how long the first reconciliation has been due."
        )
        self.drift_corrections = self._counter(
            "revet_drift_corrections", "Edits and deletes by others that were undone.", "kind"
        )
        self._requests = self._counter(
            "revet_api_requests", "Requests to the API server.", "method", "resource"
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
        self.quarantines = self._counter(
            "revet_quarantines",
            "Pods that policies wanted in quarantine (done, refused, failed).",
            "result",
        )
        self.public_root_refreshes = self._counter(
            "revet_public_root_refreshes",
            "Refreshes of the public trust root, by the result (ok, failed).",
            "result",
        )
        self.image_holds = self._counter(
            "revet_image_holds",
            "Images that policies wanted held (held, released, dropped, unknown, failed, crowded).",
            "result",
        )
        self.held_images = self._gauge("revet_held_images", "Images that a policy holds.", "policy")
        self.audit = AuditMetrics(self.registry)
        self.images = ImageMetrics(self.registry)

    def note_request(self, method: str, path: str) -> None:
        """Count a request."""
        self._requests.labels(method, _resource(path)).inc()

    def note_expiry(self, certificate: str, end: datetime) -> None:
        """Note when a certificate ends."""
        self._expiry.labels(certificate).set(end.timestamp())

    def expose(self) -> bytes:
        """Return all of it in Prometheus' text format."""
        return generate_latest(self.registry)

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(name, meaning, labels, registry=self.registry)

    def _gauge(self, name: str, meaning: str, *labels: str) -> Gauge:
        return Gauge(name, meaning, labels, registry=self.registry)


def _resource(path: str) -> str:
    """Return the resource that an API path is about; of discovery, the group."""
    parts = path.strip("/").split("/")
    below = parts[2:] if parts[0] == "api" else parts[3:]
    if below[:1] == ["namespaces"]:
        below = below[2:] or below
    return below[0] if below else parts[1]
