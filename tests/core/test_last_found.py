"""What was last found of a running image: kept while nobody can tell, and never taken for new."""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Final

import pytest

from revet.core.last_found import LastFound, Result, describe, since
from revet.core.model.condition import Truth
from revet.core.model.image_facts import Fault

NOW: Final = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
HOUR: Final = timedelta(hours=1)
BAD: Final = (Fault("no signature"),)
DOWN: Final = (Fault("r.example: answered 503", is_unknown=True),)


def _found(*taken: tuple[Fault, ...]) -> LastFound:
    """Take one verdict an hour, the last one now."""
    last = LastFound()
    for number, each in enumerate(reversed(range(len(taken)))):
        last.take(taken[number], NOW - each * HOUR)
    return last


@pytest.mark.parametrize(
    ("taken", "result", "told"),
    [
        ([], Result.PENDING, ["it has not been verified yet"]),
        ([()], Result.VERIFIED, []),
        ([BAD], Result.FAILED, ["no signature"]),
        ([BAD, ()], Result.VERIFIED, []),
        ([DOWN], Result.UNKNOWN, ["r.example: answered 503"]),
        (
            [(), DOWN, DOWN],
            Result.UNKNOWN,
            ["r.example: answered 503; when it was last verified, 2026-01-02T01:04Z: all was well"],
        ),
        (
            [BAD, DOWN],
            Result.UNKNOWN,
            ["r.example: answered 503; when it was last verified, 2026-01-02T02:04Z: no signature"],
        ),
        ([BAD, DOWN, ()], Result.VERIFIED, []),
        # What is refused by one rule stays so, whatever else can't be told.
        ([(*BAD, *DOWN)], Result.FAILED, ["no signature", "r.example: answered 503"]),
    ],
)
def test_a_verdict_is_kept_and_not_taken_for_a_new_one(
    taken: list[tuple[Fault, ...]], result: Result, told: list[str]
) -> None:
    last = _found(*taken)
    assert last.result(NOW - HOUR * 5) is result
    faults = last.tell(NOW - HOUR * 5)
    assert [each.text for each in faults] == told
    if result in {Result.PENDING, Result.UNKNOWN}:
        assert all(each.is_unknown for each in faults)


def test_a_verdict_that_is_too_old_counts_no_more() -> None:
    last = _found(())
    assert last.result(since(NOW + HOUR, 3600)) is Result.VERIFIED
    late = since(NOW + HOUR, 3599)
    assert last.result(late) is Result.UNKNOWN
    [fault] = last.tell(late)
    assert fault.is_unknown
    assert fault.text.startswith("it was not verified for too long; when it was last verified")


def test_the_condition_says_the_worst_and_the_same_in_any_order() -> None:
    images = [
        ("b", _found(DOWN)),
        ("a", _found((), DOWN)),
        ("c", _found(BAD)),
        ("d", _found(())),
        ("e", LastFound()),
    ]
    oldest = NOW - HOUR * 5
    assert len({describe(each, oldest) for each in permutations(images)}) == 1
    truth, reason, message = describe(images, oldest)
    assert (truth, reason) == (Truth.FALSE, "NotVerified")
    assert message.startswith(
        "1 of 5 images that run are not signed or attested as it asks; "
        "2 could not be verified, such as a: r.example: answered 503; when"
    )
    told = [describe(images[:2] + images[3:], oldest), describe(images[3:], oldest)]
    told += [describe(images[3:4], oldest), describe([], oldest)]
    assert [each[:2] for each in told] == [
        (Truth.UNKNOWN, "NotTold"),
        (Truth.UNKNOWN, "Verifying"),
        (Truth.TRUE, "Verified"),
        (Truth.TRUE, "NothingRuns"),
    ]
