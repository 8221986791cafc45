"""Contested edits: undone again at a growing interval, never given up, forgotten in peace."""

from itertools import pairwise

import pytest

from revet.core.contest import Contest, last_manager


def _corrections(count: int, start: float = 1000.0) -> list[float]:
    """Return when an object is corrected that somebody edits again at once, each time."""
    contest, now, times = Contest(), start, []
    for _ in range(count):
        now += contest.wait(now)
        contest = contest.corrected(now)
        times.append(now)
    return times


def test_the_first_correction_does_not_wait() -> None:
    assert Contest().wait(0.0) == 0.0
    assert _corrections(1) == [1000.0]


def test_the_interval_doubles_from_5_s_to_60_s_and_goes_on_for_ever() -> None:
    times = _corrections(200)
    waits = [later - earlier for earlier, later in pairwise(times)]
    assert waits[:6] == [5.0, 10.0, 20.0, 40.0, 60.0, 60.0]
    assert set(waits[6:]) == {60.0}


@pytest.mark.parametrize(
    ("peace", "wait", "contested"), [(0.0, 10.0, True), (9.0, 1.0, True), (599.9, 0.0, True),
    (600.0, 0.0, False), (9999.0, 0.0, False)],
)  # fmt: skip
def test_ten_minutes_of_peace_end_it(peace: float, wait: float, *, contested: bool) -> None:
    contest = Contest().corrected(1000.0).corrected(1005.0)
    now = 1005.0 + peace
    assert contest.wait(now) == pytest.approx(wait)
    assert contest.is_contested(now) is contested
    assert contest.corrected(now).corrections == (3 if contested else 1)


def test_one_edit_is_no_contest() -> None:
    assert not Contest().is_contested(0.0)
    assert not Contest().corrected(10.0).is_contested(11.0)


def _managed(*entries: tuple[str, str, str]) -> dict[str, object]:
    fields = [
        {"manager": manager, "time": time, "subresource": part} for manager, time, part in entries
    ]
    return {"metadata": {"managedFields": fields}}


@pytest.mark.parametrize(
    ("entries", "manager"),
    [
        ([], ""),
        ([("revet", "2026-01-02T00:00:00Z", "")], ""),
        (
            [
                ("argocd", "2026-01-02T00:00:00Z", ""),
                ("kubectl-edit", "2026-01-03T00:00:00Z", ""),
                ("revet", "2026-01-04T00:00:00Z", ""),
            ],
            "kubectl-edit",
        ),
        (
            [
                ("first", "2026-01-03T00:00:00Z", ""),
                ("second", "2026-01-03T00:00:00Z", ""),
                ("controller", "2026-01-04T00:00:00Z", "status"),
            ],
            "second",
        ),
    ],
)
def test_the_manager_that_wrote_last_is_named(
    entries: list[tuple[str, str, str]], manager: str
) -> None:
    assert last_manager(_managed(*entries)) == manager


def test_an_object_without_managed_fields_names_nobody() -> None:
    assert last_manager({"metadata": {}}) == ""
