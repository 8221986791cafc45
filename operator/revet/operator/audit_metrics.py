"""What the audit tells as metrics: how old it is, how long it took, and how much it has found."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Gauge

from revet.core.render.report import SEVERITY


class AuditMetrics:
    """The audit's metrics."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Make them."""
        self.age = Gauge(
            "revet_audit_age_seconds",
            "Seconds since everything that is selected was last judged; NaN before the first time.",
            registry=registry,
        )
        self.duration = Gauge(
            "revet_audit_duration_seconds", "Time that it took then.", registry=registry
        )
        self.reports_served = Gauge(
            "revet_reports_served",
            "Whether the API server knows an API of reports: 1 or 0.",
            registry=registry,
        )
        self._findings = Gauge(
            "revet_findings",
            "Findings on what stands, by control, policy and severity (high, medium, low).",
            ("control", "policy", "severity"),
            registry=registry,
        )
        self._controls: dict[str, set[str]] = {}

    def note(self, policy: str, findings: Mapping[str, int]) -> None:
        """Note how many findings a policy has now, by control."""
        known = self._controls.setdefault(policy, set())
        known.update(findings)
        for control in known:
            gauge = self._findings.labels(control, policy, SEVERITY[control])
            gauge.set(findings.get(control, 0))

    def forget(self, policy: str) -> None:
        """Forget a policy that is gone."""
        for control in self._controls.pop(policy, ()):
            self._findings.remove(control, policy, SEVERITY[control])
