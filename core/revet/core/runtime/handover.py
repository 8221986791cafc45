"""What the ingest hands over, and how the leader puts it together; apart, since both speak it."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Final

import msgspec

from revet.core.model.policy_runtime import Severity
from revet.core.runtime.feed import FeedReport, join_reports
from revet.core.runtime.findings import Finding, Findings, Omitted, Signature

#: Replicas and their restarts, of which the oldest are forgotten.
_MOST_INSTANCES: Final = 32


class Portion(msgspec.Struct, kw_only=True):
    """What one process of the ingest has that is newer than what was handed over before.

    Counts are of all that this instance has seen; `version` is what to ask after next time.
    """

    instance: str
    version: int
    started: float
    findings: list[Finding] = []
    omitted: list[Omitted] = []
    feed: FeedReport = msgspec.field(default_factory=FeedReport)


class _Instance:
    """What one process has told so far."""

    def __init__(self) -> None:
        self.counts: dict[Signature, int] = {}
        self.omitted: dict[tuple[str, Severity], int] = {}
        self.feed = FeedReport()


class Collected:
    """The findings of all processes, as the leader holds them."""

    def __init__(self, findings: Findings | None = None) -> None:
        """Start empty."""
        self.findings = Findings() if findings is None else findings
        self._instances: OrderedDict[str, _Instance] = OrderedDict()

    def take(self, portion: Portion) -> list[Finding]:
        """Take in what was handed over; return what is new, or worse than it was."""
        known = self._instances.setdefault(portion.instance, _Instance())
        self._instances.move_to_end(portion.instance)
        if len(self._instances) > _MOST_INSTANCES:
            self._instances.popitem(last=False)
        known.feed = portion.feed
        news: list[Finding] = []
        for each in portion.findings:
            signature, count = each.signature, each.count
            before = self.findings.get(signature)
            was = before.severity if before is not None else None
            # One that was forgotten over there, and came again, counts from one.
            counted = known.counts.get(signature, 0)
            each.count = count - counted if count >= counted else count
            known.counts[signature] = count
            merged = self.findings.add(each)
            if was is not merged.severity:
                news.append(merged)
        for more in portion.omitted:
            key = (more.policy, more.severity)
            counted, count = known.omitted.get(key, 0), more.count
            more.count = count - counted if count >= counted else count
            known.omitted[key] = count
            self.findings.note_omitted(more)
        return news

    def feed(self) -> FeedReport:
        """Return the feed as all of them have seen it."""
        return join_reports(each.feed for each in self._instances.values())

    def expire(self, clear_s: Mapping[str, float], now: float) -> None:
        """Forget what is too old to count, by policy, and what is of no policy any more."""
        self.findings.keep_only(set(clear_s))
        for policy, keep_s in clear_s.items():
            self.findings.expire(policy, now - keep_s)
        for each in self._instances.values():
            each.counts = {
                signature: count
                for signature, count in each.counts.items()
                if self.findings.get(signature) is not None
            }
