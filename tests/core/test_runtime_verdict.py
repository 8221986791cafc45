"""What the status says of runtime events, as time goes by: True, False, Unknown, and when."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

import pytest

from revet.core.conditions import Observed, fold
from revet.core.model.condition import Condition, Truth
from revet.core.model.policy_runtime import Effect, Runtime, Severity, Source
from revet.core.runtime.feed import FeedReport, Loss, Lost
from revet.core.runtime.findings import Finding, Omitted
from revet.core.runtime.match import compile_rules, seconds
from revet.core.runtime.verdict import Sight, Verdict, bucket, judge_runtime, recall

NOW: Final = 1_800_000_000.0
HOUR: Final = 3600.0
RUNTIME: Final = Runtime()


def _finding(at: float = NOW, **fields: Any) -> Finding:  # noqa: ANN401 -- as Finding has them
    given: dict[str, Any] = {
        "policy": "p",
        "source": Source.FALCO,
        "rule": "Shell",
        "namespace": "shop",
        "kind": "Deployment",
        "workload": "web",
        "count": 1,
        "first": at,
        "last": at,
        **fields,
    }
    return Finding(**given)


def _heard(at: float = NOW, *lost: Lost) -> FeedReport:
    return FeedReport({Source.FALCO: at}, list(lost))


def _judge(
    sight: Sight, now: float = NOW, told: Iterable[Condition] = (), runtime: Runtime = RUNTIME
) -> Verdict:
    return judge_runtime(runtime, compile_rules(runtime), sight, told, now)


def _said(observed: Observed) -> tuple[str, str]:
    return observed.truth.value, observed.reason


def test_true_while_young_then_false_then_unknown() -> None:
    sight = Sight([_finding()], feed=_heard(), since=NOW - 10 * HOUR)
    young = _judge(sight, NOW + HOUR - 1)
    assert _said(young.violations) == ("True", "ViolationsObserved")
    assert young.until == NOW + HOUR
    # Nobody was heard since: what is quiet is not safe.
    assert _said(_judge(sight, NOW + HOUR).violations) == ("Unknown", "NoSensorData")
    heard = Sight([_finding()], feed=_heard(NOW + HOUR), since=NOW - 10 * HOUR)
    assert _said(_judge(heard, NOW + HOUR).violations) == ("False", "NoRecentViolations")
    assert _judge(heard, NOW + HOUR).until == NOW + HOUR + 900
    assert _said(_judge(heard, NOW + HOUR + 900).violations) == ("Unknown", "NoSensorData")


def test_the_message_does_not_change_with_each_event() -> None:
    sights = [Sight([_finding(count=count)], feed=_heard()) for count in (10, 57, 99)]
    assert len({_judge(each).violations for each in sights}) == 1
    [verdict] = {_judge(each).violations for each in sights}
    assert verdict.message == (
        "medium 10-99 in the last 1h; top: Falco Shell in shop/Deployment/web"
    )


def test_what_was_denied_or_killed_is_said() -> None:
    killed = _finding(effect=Effect.KILLED, source=Source.TETRAGON, severity=Severity.HIGH)
    found = _judge(Sight([killed, _finding()], feed=_heard()))
    assert _said(found.violations) == ("True", "EnforcementTriggered")
    assert "Tetragon Shell (killed) in shop/Deployment/web" in found.violations.message
    assert found.summary == "high 1, medium 1"
    assert [each.effect for each in found.top] == [Effect.KILLED, Effect.OBSERVED]


def test_what_there_was_no_room_for_counts() -> None:
    found = _judge(Sight(omitted=[Omitted("p", Severity.MEDIUM, 5000, NOW)], feed=_heard()))
    assert found.violations.truth is Truth.TRUE
    assert "counted and not kept" in found.violations.message


def test_rules_that_changed_count_for_what_was_found_before() -> None:
    runtime = Runtime.model_validate_json('{"rules": [{"name": "r", "minSeverity": "high"}]}')
    found = _judge(Sight([_finding()], feed=_heard()), runtime=runtime)
    assert found.violations.truth is Truth.FALSE


def test_messages_are_bounded() -> None:
    many = [_finding(rule="r" * 253, workload=f"{each}" + "w" * 240) for each in range(500)]
    found = _judge(Sight(many, feed=_heard()))
    assert len(found.violations.message) <= 1024
    assert len(found.top) == 10
    size = sum(len(each.model_dump_json()) for each in found.top)
    assert size + 2 * 1024 < 16 * 1024


LOSSES: Final = {
    Loss.SENSOR: "EventsDropped",
    Loss.MALFORMED: "EventsDropped",
    Loss.TOO_LARGE: "EventsDropped",
    Loss.MISMATCH: "EventsDropped",
    Loss.QUEUE_FULL: "IngestOverloaded",
    Loss.RATE_LIMIT: "IngestOverloaded",
    Loss.UNATTRIBUTED: "MetadataMissing",
}


@pytest.mark.parametrize("reason", Loss)
def test_each_loss_makes_the_feed_unhealthy_for_a_time(reason: Loss) -> None:
    lost = Lost(Source.FALCO, reason, 3, NOW, "n3")
    found = _judge(Sight(feed=_heard(NOW, lost)))
    assert _said(found.feed) == ("False", LOSSES[reason])
    assert "Falco on n3" in found.feed.message
    # It says nothing of violations.
    assert found.violations.truth is Truth.FALSE
    later = _judge(Sight(feed=_heard(NOW + 900, lost)), NOW + 900)
    assert _said(later.feed) == ("True", "SensorsHeard")


def test_losses_of_others_are_not_this_policys() -> None:
    runtime = Runtime.model_validate_json('{"rules": [{"name": "r", "sources": ["falco"]}]}')
    lost = Lost(Source.TETRAGON, Loss.SENSOR, 3, NOW)
    assert _judge(Sight(feed=_heard(NOW, lost)), runtime=runtime).feed.truth is Truth.TRUE


def test_a_sensor_that_falls_silent_is_missed() -> None:
    feed = FeedReport({Source.FALCO: NOW, Source.TETRAGON: NOW - 901})
    found = _judge(Sight(feed=feed))
    assert _said(found.feed) == ("False", "SensorSilent")
    assert _said(found.violations) == ("Unknown", "NoSensorData")
    assert "Tetragon" in found.violations.message


def test_a_sensor_that_a_rule_names_must_be_heard() -> None:
    text = '{"rules": [{"name": "r", "sources": ["falco", "tetragon"]}]}'
    runtime = Runtime.model_validate_json(text)
    found = _judge(Sight(feed=_heard()), runtime=runtime)
    assert _said(found.feed) == ("False", "SensorSilent")
    assert found.violations.truth is Truth.UNKNOWN


def test_where_nobody_listens_nothing_is_known() -> None:
    found = _judge(Sight(unheard="no revet-ingest is installed"))
    assert _said(found.violations) == ("Unknown", "NoSensorData")
    assert _said(found.feed) == ("Unknown", "NoSensorData")
    assert found.summary == "unknown"


def _conditions(violations: Truth, feed: Truth) -> tuple[Condition, ...]:
    observed = [
        Observed("RuntimeViolations", violations, "NoRecentViolations", "before"),
        Observed("RuntimeFeedHealthy", feed, "SensorsHeard", "before"),
    ]
    return fold((), observed, 1, datetime(2026, 1, 1, tzinfo=UTC))


def test_a_restart_keeps_what_was_told_for_a_while() -> None:
    told = _conditions(Truth.FALSE, Truth.TRUE)
    fresh = Sight(since=NOW)
    assert _said(_judge(fresh, NOW + 899, told).violations) == ("False", "NoRecentViolations")
    assert _judge(fresh, NOW + 899, told).feed.truth is Truth.TRUE
    assert _judge(fresh, NOW + 899, told).until == NOW + 900
    assert _judge(fresh, NOW + 900, told).violations.truth is Truth.UNKNOWN
    assert _judge(fresh, NOW + 900, told).feed.truth is Truth.UNKNOWN


def test_a_restart_loses_no_violation() -> None:
    before = _judge(Sight([_finding(count=50, effect=Effect.KILLED)], feed=_heard()))
    recalled = recall("p", before.top, 60)
    again = Sight(recalled, since=NOW + HOUR / 2)
    after = _judge(again, NOW + HOUR + 59)
    assert after.violations == before.violations
    assert _judge(again, NOW + HOUR + 60).violations.truth is not Truth.TRUE


@pytest.mark.parametrize(
    ("count", "text"),
    [(1, "1"), (2, "2-9"), (9, "2-9"), (10, "10-99"), (100, "100+"), (9999, "100+")],
)
def test_buckets(count: int, text: str) -> None:
    assert bucket(count) == text


def test_durations() -> None:
    assert seconds("1h30m5s") == 5405
