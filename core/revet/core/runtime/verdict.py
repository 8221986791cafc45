"""From findings and feed to what a policy's status says: two conditions, a few words, the top.

RuntimeViolations is True while a finding is young, False after it was quiet for `clearAfter`, and
Unknown where no sensor is heard: silence is not safety. Times are seconds since the epoch.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from revet.core.conditions import Observed
from revet.core.model.condition import Condition, Truth
from revet.core.model.policy_runtime import Effect, Runtime, Severity, Source
from revet.core.model.policy_status import RuntimeFinding
from revet.core.runtime.event import RANKS
from revet.core.runtime.feed import FeedReport, Loss, Lost
from revet.core.runtime.findings import Finding, Omitted
from revet.core.runtime.match import Sign, seconds, wanted_sources

VIOLATIONS: Final = "RuntimeViolations"
FEED: Final = "RuntimeFeedHealthy"
_MOST_TOP: Final = 10
_MOST_NAMED: Final = 3
_LONGEST: Final = 1024
_HELD: Final = "; in quarantine: "
_IMAGES: Final = "; images held: "
_BUCKETS: Final = ((100, "100+"), (10, "10-99"), (2, "2-9"), (1, "1"))
_TITLES: Final[Mapping[Source, str]] = {
    Source.FALCO: "Falco",
    Source.TETRAGON: "Tetragon",
    Source.K8S_AUDIT: "audit log",
}
_REASONS: Final[Mapping[Loss, tuple[str, str]]] = {
    Loss.SENSOR: ("EventsDropped", "the sensor has dropped events"),
    Loss.MALFORMED: ("EventsDropped", "some events could not be read"),
    Loss.TOO_LARGE: ("EventsDropped", "some bodies were too large"),
    Loss.MISMATCH: ("EventsDropped", "sender, node and pod did not belong together"),
    Loss.QUEUE_FULL: ("IngestOverloaded", "events came faster than they are taken in"),
    Loss.RATE_LIMIT: ("IngestOverloaded", "a sender has sent more than it may"),
    Loss.UNATTRIBUTED: ("MetadataMissing", "no pod was found for some events"),
}
#: Which of several is told.
_ORDER: Final = ("EventsDropped", "IngestOverloaded", "MetadataMissing")


@dataclass(frozen=True, slots=True)
class Sight:
    """What is known when a policy is judged.

    Attributes:
        findings: the policy's.
        omitted: what of them there was no room for.
        feed: whether sensors are heard.
        since: since when anybody has listened.
        unheard: why nobody listens; empty where somebody does.
        held: which pods are in quarantine, in words.
        images: which images are held, in words.

    """

    findings: Sequence[Finding] = ()
    omitted: Sequence[Omitted] = ()
    feed: FeedReport = field(default_factory=FeedReport)
    since: float = 0.0
    unheard: str = ""
    held: str = ""
    images: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the status is to say; `until` is when it may be another, without any event."""

    violations: Observed
    feed: Observed
    summary: str
    top: tuple[RuntimeFinding, ...]
    until: float

    @property
    def truths(self) -> tuple[tuple[Truth, str], ...]:
        """What is worth telling at once: status and reason of both."""
        return tuple((each.truth, each.reason) for each in (self.violations, self.feed))


def judge_runtime(
    runtime: Runtime,
    fits: Callable[[Sign], bool],
    sight: Sight,
    told: Iterable[Condition],
    now: float,
) -> Verdict:
    """Return what a policy's status is to say at `now`.

    `fits` tells whether one of its rules does: the rules may have changed since a finding was made.
    `told` are the conditions that stand, which stay for `sensorTimeout` after a start.
    """
    clear_s, silent_s = seconds(runtime.clear_after), seconds(runtime.sensor_timeout)
    young = [each for each in sight.findings if each.last > now - clear_s and fits(each)]
    omitted = [each for each in sight.omitted if each.last > now - clear_s]
    counts = _count(young, omitted)
    standing = {each.type: each for each in told}
    feed = _feed(runtime, sight, standing.get(FEED), now)
    lasts = [each.last for each in young] + [each.last for each in omitted]
    until = _until(lasts, clear_s, sight, silent_s, now)
    if young or omitted:
        violations = _violations(young, omitted, counts, runtime.clear_after)
    else:
        violations = _quiet(runtime, sight, standing.get(VIOLATIONS), now)
    violations = _add_held(violations, sight)
    summary = _words(counts) or {Truth.FALSE: "none", Truth.UNKNOWN: "unknown"}.get(
        violations.truth, "some"
    )
    return Verdict(violations, feed, summary, tuple(map(_top, young[:_MOST_TOP])), until)


def _add_held(observed: Observed, sight: Sight) -> Observed:
    """Say which pods are in quarantine, and which images held, also long after what led to it."""
    # A condition that is left as it stood may name others.
    text = observed.message.partition(_HELD)[0].partition(_IMAGES)[0]
    tail = f"{_HELD}{sight.held}" if sight.held else ""
    tail = (tail + (f"{_IMAGES}{sight.images}" if sight.images else ""))[:_LONGEST]
    return observed._replace(message=text[: _LONGEST - len(tail)] + tail)


def bucket(count: int) -> str:
    """Return a count so that it does not change with each event."""
    return next((text for least, text in _BUCKETS if count >= least), "0")


def least_of(text: str) -> int:
    """Return the least count of a bucket."""
    return next((least for least, each in _BUCKETS if each == text), 1)


def _count(young: Iterable[Finding], omitted: Iterable[Omitted]) -> dict[Severity, int]:
    counts: dict[Severity, int] = {}
    pairs = [(each.severity, each.count) for each in young]
    for severity, count in (*pairs, *((each.severity, each.count) for each in omitted)):
        counts[severity] = counts.get(severity, 0) + count
    return counts


def _words(counts: Mapping[Severity, int]) -> str:
    ranked = sorted(counts, key=RANKS.__getitem__, reverse=True)
    return ", ".join(f"{each} {bucket(counts[each])}" for each in ranked)


def _violations(
    young: Sequence[Finding],
    omitted: Sequence[Omitted],
    counts: Mapping[Severity, int],
    clear_after: str,
) -> Observed:
    is_enforced = any(each.effect is not Effect.OBSERVED for each in young)
    reason = "EnforcementTriggered" if is_enforced else "ViolationsObserved"
    named = list(dict.fromkeys(map(_word, young)))
    tops = "; ".join(named[:_MOST_NAMED])
    text = f"{_words(counts)} in the last {clear_after}; top: {tops}"
    if len(named) > _MOST_NAMED:
        text += f"; and {bucket(len(named) - _MOST_NAMED)} more"
    if omitted:
        text += "; more of the least severe are counted and not kept"
    return Observed(VIOLATIONS, Truth.TRUE, reason, text[:_LONGEST])


def _word(finding: Finding) -> str:
    effect = "" if finding.effect is Effect.OBSERVED else f" ({finding.effect})"
    place = "/".join(filter(None, (finding.namespace, finding.kind, finding.workload)))
    return f"{_TITLES[finding.source]} {finding.rule}{effect} in {place}"


def _quiet(runtime: Runtime, sight: Sight, told: Condition | None, now: float) -> Observed:
    """Say that there is nothing, where somebody would have told."""
    missing = _silent(runtime, sight, now)
    if not missing and not sight.unheard:
        text = f"nothing in the last {runtime.clear_after}"
        return Observed(VIOLATIONS, Truth.FALSE, "NoRecentViolations", text)
    if _is_settling(runtime, sight, now) and told is not None and told.status is Truth.FALSE:
        return Observed(VIOLATIONS, told.status, told.reason, told.message)
    text = sight.unheard or f"not heard for {runtime.sensor_timeout}: {missing}"
    return Observed(VIOLATIONS, Truth.UNKNOWN, "NoSensorData", text[:_LONGEST])


def _feed(runtime: Runtime, sight: Sight, told: Condition | None, now: float) -> Observed:
    missing = _silent(runtime, sight, now)
    if sight.unheard or (missing and not sight.feed.heard):
        # Why nothing is known is told as it is now.
        was_known = told is not None and told.status is not Truth.UNKNOWN
        if told is not None and was_known and _is_settling(runtime, sight, now):
            return Observed(FEED, told.status, told.reason, told.message)
        text = sight.unheard or "no sensor was heard yet"
        return Observed(FEED, Truth.UNKNOWN, "NoSensorData", text[:_LONGEST])
    lost = [each for each in sight.feed.lost if each.last > now - seconds(runtime.sensor_timeout)]
    wanted = wanted_sources(runtime)
    lost = [each for each in lost if not wanted or each.source in wanted]
    if lost:
        first = min(lost, key=lambda each: _ORDER.index(_REASONS[each.reason][0]))
        return Observed(FEED, Truth.FALSE, _REASONS[first.reason][0], _tell_lost(lost))
    if missing:
        text = f"not heard for {runtime.sensor_timeout}: {missing}"
        return Observed(FEED, Truth.FALSE, "SensorSilent", text)
    heard = ", ".join(sorted(_TITLES[each] for each in sight.feed.heard))
    return Observed(FEED, Truth.TRUE, "SensorsHeard", f"heard: {heard}")


def _tell_lost(lost: Sequence[Lost]) -> str:
    told = [
        f"{_TITLES[each.source]}{f' on {each.node}' if each.node else ''}: "
        f"{_REASONS[each.reason][1]} ({bucket(each.count)})"
        for each in sorted(lost, key=lambda each: _ORDER.index(_REASONS[each.reason][0]))
    ]
    return "; ".join(told)[:_LONGEST]


def _silent(runtime: Runtime, sight: Sight, now: float) -> str:
    """Name the sensors that should be heard and are not; where none is named, any will do."""
    limit = now - seconds(runtime.sensor_timeout)
    live = {each for each, at in sight.feed.heard.items() if at > limit}
    wanted = wanted_sources(runtime)
    if not wanted and not live:
        return "any sensor"
    # One that was heard once is missed when it is silent.
    missed = (wanted or frozenset(sight.feed.heard)) - live
    return ", ".join(sorted(_TITLES[each] for each in missed))


def _is_settling(runtime: Runtime, sight: Sight, now: float) -> bool:
    """Return whether we have listened too short a time to call anybody silent."""
    return now - sight.since < seconds(runtime.sensor_timeout)


def _until(
    lasts: Sequence[float], clear_s: float, sight: Sight, silent_s: float, now: float
) -> float:
    """Return when time alone may change what is said."""
    ends = [each + clear_s for each in lasts]
    ends += [at + silent_s for at in sight.feed.heard.values()]
    ends += [each.last + silent_s for each in sight.feed.lost]
    ends.append(sight.since + silent_s)
    return min((each for each in ends if each > now), default=float("inf"))


def _top(finding: Finding) -> RuntimeFinding:
    return RuntimeFinding(
        source=finding.source,
        rule=finding.rule,
        severity=finding.severity,
        effect=finding.effect,
        namespace=finding.namespace,
        kind=finding.kind,
        workload=finding.workload,
        count=bucket(finding.count),
        first_seen=_time(finding.first),
        last_seen=_time(finding.last),
    )


def _time(at: float) -> datetime:
    return datetime.fromtimestamp(int(at), UTC)


def recall(policy: str, top: Iterable[RuntimeFinding], late_s: float) -> list[Finding]:
    """Make findings of what a status told: after a restart nothing else is known of them.

    They may be as much younger as a status is late: a condition never ends before its time.
    """
    return [
        Finding(
            policy=policy,
            source=each.source,
            rule=each.rule,
            severity=each.severity,
            effect=each.effect,
            namespace=each.namespace,
            kind=each.kind,
            workload=each.workload,
            count=least_of(each.count),
            first=each.first_seen.timestamp(),
            last=each.last_seen.timestamp() + late_s,
        )
        for each in top
    ]
