"""Findings by signature, what is handed over of them, and the brakes: bounded, and counted once."""

from typing import Final

from revet.core.model.policy_runtime import Effect, Severity, Source
from revet.core.runtime.brakes import Brakes
from revet.core.runtime.findings import Finding, Findings, Omitted
from revet.core.runtime.handover import Collected, Portion
from revet.core.runtime.recent import Recent

NOW: Final = 1_000_000.0


def _finding(number: int, severity: Severity = Severity.MEDIUM, at: float = NOW) -> Finding:
    return Finding(
        policy="p",
        source=Source.FALCO,
        rule=f"r{number}",
        severity=severity,
        count=1,
        first=at,
        last=at,
    )


def test_the_most_severe_are_kept_of_a_hundred_thousand() -> None:
    findings = Findings()
    for number in range(100_000):
        severity = Severity.CRITICAL if number % 1000 == 0 else Severity.MEDIUM
        findings.add(_finding(number, severity, NOW + number))
    kept = list(findings.of("p"))
    assert len(kept) == len(findings) == 500
    assert sum(each.severity is Severity.CRITICAL for each in kept) == 100
    assert kept[0].rule == "r99000"
    # Of the others the newest, and nothing is uncounted.
    assert {each.rule for each in kept[100:]} >= {"r99999", "r99998"}
    [omitted] = findings.omitted("p")
    assert omitted.count + sum(each.count for each in kept) == 100_000


def test_all_policies_together_have_a_cap() -> None:
    findings = Findings(most_of_policy=10, most=12)
    for number in range(10):
        findings.add(_finding(number))
    for number in range(3):
        finding = _finding(number)
        finding.policy = "q"
        findings.add(finding)
    assert len(findings) == 12
    assert len(list(findings.of("q"))) == 3


def test_severity_rises_and_never_falls() -> None:
    findings = Findings()
    findings.add(_finding(1))
    findings.add(_finding(1, Severity.CRITICAL))
    findings.add(_finding(1, Severity.LOW))
    [finding] = findings.of("p")
    assert (finding.severity, finding.count) == (Severity.CRITICAL, 3)


def test_what_is_old_is_forgotten() -> None:
    findings = Findings(most_of_policy=1)
    findings.add(_finding(1))
    findings.add(_finding(2, at=NOW + 10))
    assert findings.omitted("p")
    findings.expire("p", NOW + 5)
    assert findings.omitted("p") == []
    assert [each.rule for each in findings.of("p")] == ["r2"]
    findings.expire("p", NOW + 11)
    assert len(findings) == 0


def test_recent_is_bounded() -> None:
    recent = Recent(3, 10)
    assert [recent.add(b"%d" % each, NOW) for each in range(5)] == [True] * 5
    assert len(recent) == 3
    assert not recent.add(b"4", NOW + 9)
    assert recent.add(b"4", NOW + 10)


def _portion(instance: str, findings: Findings, after: int = 0) -> Portion:
    found, omitted = findings.since(after)
    copies = [
        Finding(**{name: getattr(each, name) for name in each.__struct_fields__}) for each in found
    ]
    omitted = [Omitted(each.policy, each.severity, each.count, each.last) for each in omitted]
    return Portion(
        instance=instance,
        version=findings.version,
        started=NOW,
        findings=copies,
        omitted=omitted,
    )


def test_what_is_handed_over_again_counts_once() -> None:
    here, there = Findings(), Collected()
    here.add(_finding(1))
    first = _portion("a", here)
    assert [each.rule for each in there.take(first)] == ["r1"]
    here.add(_finding(1))
    assert there.take(_portion("a", here, first.version)) == []
    # A new leader asks for all, and so does one whose ingest does not know its version.
    assert there.take(_portion("a", here)) == []
    [finding] = there.findings.of("p")
    assert finding.count == 2
    # Another replica, or the same one started afresh, adds to it.
    other = Findings()
    other.add(_finding(1, Severity.HIGH))
    assert [each.severity for each in there.take(_portion("b", other))] == [Severity.HIGH]
    [finding] = there.findings.of("p")
    assert finding.count == 3
    assert here.since(here.version) == ([], [])


def test_what_there_was_no_room_for_is_handed_over() -> None:
    here, there = Findings(most_of_policy=1), Collected()
    for number in range(3):
        here.add(_finding(number))
    there.take(_portion("a", here))
    here.add(_finding(3))
    there.take(_portion("a", here))
    [omitted] = there.findings.omitted("p")
    assert omitted.count == 3
    there.expire({"p": 60.0}, NOW + 61)
    assert (len(there.findings), there.findings.omitted("p")) == (0, [])


def test_brakes() -> None:
    brakes = Brakes(burst=2, refill_s=300)
    assert [brakes.allow("pod", NOW) for _ in range(3)] == [True, True, False]
    assert brakes.allow("other", NOW)
    assert brakes.allow("pod", NOW + 301)
    assert not brakes.allow("pod", NOW + 302)


def test_effects_are_ordered() -> None:
    findings = Findings()
    for effect in (Effect.KILLED, Effect.OBSERVED):
        finding = _finding(1)
        finding.effect = effect
        findings.add(finding)
    [kept] = findings.of("p")
    assert kept.effect is Effect.KILLED
