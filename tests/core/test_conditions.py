"""Conditions are folded: times move only with the status, and what is equal is not written."""

from datetime import UTC, datetime, timedelta

from revet.core.conditions import Observed, fold
from revet.core.model.condition import Condition, Truth
from revet.core.model.policy_status import HardeningPolicyStatus

START = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
LATER = START + timedelta(minutes=1)
READY = Observed("Ready", Truth.TRUE, "Ready", "all is written")
ACCEPTED = Observed("Accepted", Truth.TRUE, "Valid", "generation 1 is in force")
OTHER = Observed("Elsewhere", Truth.UNKNOWN, "NotSeen", "")


def _first() -> tuple[Condition, ...]:
    return fold((), [READY, OTHER, ACCEPTED], 1, START)


def test_all_fields_are_set_and_the_order_is_fixed() -> None:
    assert [each.type for each in _first()] == ["Accepted", "Ready", "Elsewhere"]
    assert _first() == fold((), [ACCEPTED, OTHER, READY], 1, START)
    accepted = _first()[0]
    assert (accepted.status, accepted.reason) == (Truth.TRUE, "Valid")
    assert accepted.message == "generation 1 is in force"
    assert accepted.observed_generation == 1
    assert accepted.last_transition_time == START.replace(microsecond=0)


def test_the_same_again_is_equal_also_after_it_was_stored() -> None:
    stored = HardeningPolicyStatus(conditions=_first()).model_dump_json(by_alias=True)
    read = HardeningPolicyStatus.model_validate_json(stored).conditions
    assert fold(read, [READY, OTHER, ACCEPTED], 1, LATER) == read == _first()


def test_only_a_new_status_moves_the_time() -> None:
    reworded = READY._replace(reason="StillReady", message="nothing to do")
    failed = ACCEPTED._replace(truth=Truth.FALSE)
    accepted, ready, _ = fold(_first(), [reworded, failed, OTHER], 2, LATER)
    assert ready.last_transition_time == START.replace(microsecond=0)
    assert (ready.reason, ready.message) == ("StillReady", "nothing to do")
    assert ready.observed_generation == 2
    assert accepted.last_transition_time == LATER.replace(microsecond=0)
    assert accepted.status is Truth.FALSE


def test_what_is_not_observed_any_more_goes() -> None:
    assert [each.type for each in fold(_first(), [READY], 1, LATER)] == ["Ready"]


def test_a_message_is_cut_to_what_the_server_takes() -> None:
    (condition,) = fold((), [READY._replace(message="x" * 40000)], 1, START)
    assert len(condition.message) == 32768
