"""Each image has its turn once in a period, whatever came with it; by a clock of the test's own."""

from collections import Counter
from itertools import pairwise
from typing import Final

import pytest

from revet.core.model.image_facts import Demand
from revet.core.model.policy_images import Images
from revet.core.verification import ToVerify
from revet.operator.roster import Roster

PERIOD: Final = 21600.0
KEY: Final = {"config_map_ref": {"name": "k", "key": "p"}}
IMAGES: Final = Images.model_validate(
    {"verify": ({"name": "ci", "images": ("*",), "any_of": ({"key": KEY},)},)}, by_name=True
)
DEMAND: Final = Demand.of(IMAGES)


def image(number: int, demand: Demand = DEMAND) -> ToVerify:
    """Return one of many images."""
    name = f"r.example/app@sha256:{number:064x}"
    return ToVerify(demand, name, name, takes_old=False)


def _run(roster: Roster, until: float, *, gap_s: float = 1.0) -> list[tuple[float, ToVerify]]:
    """Take whose turn it is, one each second, and put all back as told."""
    now, taken = 0.0, list[tuple[float, ToVerify]]()
    seen: set[ToVerify] = set()
    while (due := roster.next_due()) <= until:
        now = max(now + gap_s, due)
        each = roster.take()
        taken.append((now, each))
        roster.put_back(each, now, is_first=each not in seen, is_told=True)
        seen.add(each)
    return taken


def test_once_in_a_period_and_not_all_together() -> None:
    roster, images = Roster(PERIOD), [image(number) for number in range(200)]
    for each in images:
        roster.add(each, 0.0)
    taken = _run(roster, until=4 * PERIOD)
    first, later = taken[:200], taken[200:]
    assert {each for _, each in first} == set(images)
    assert first[-1][0] <= 201
    times = {each: [at for at, which in taken if which == each] for each in images}
    for at in times.values():
        gaps = [after - before for before, after in pairwise(at)]
        assert PERIOD / 2 <= gaps[0] <= PERIOD + 1
        assert all(gap == pytest.approx(PERIOD, abs=5) for gap in gaps[1:])
    # From then on they come apart: in no twentieth of the period are more than a fifth of them.
    second = [at for at, _ in later if at < PERIOD + 300]
    assert max(Counter(int(at // (PERIOD / 20)) for at in second).values()) < 40


def test_what_was_not_told_has_its_turn_again_soon() -> None:
    roster = Roster(PERIOD)
    roster.add(image(1), 0.0)
    assert roster.take() == image(1)
    assert roster.next_due() == float("inf")
    roster.put_back(image(1), 5.0, is_first=True, is_told=False)
    assert roster.next_due() == 605.0
    # A period that is shorter is no reason to wait longer.
    short = Roster(60.0)
    short.add(image(1), 0.0)
    short.put_back(short.take(), 0.0, is_first=False, is_told=False)
    assert short.next_due() == 60.0


def test_what_runs_no_more_has_no_turn() -> None:
    roster = Roster(PERIOD)
    for number in range(1000):
        roster.add(image(number), 0.0)
    for number in range(999):
        roster.drop(image(number))
    assert roster.take() == image(999)
    assert len(roster._heap) < 300
    assert roster.next_due() == float("inf")
    roster.drop(image(999))


def test_the_same_image_of_two_policies_comes_in_one_go() -> None:
    other = Demand.of(IMAGES.model_copy(update={"registries": ("r.example/",)}))
    roster = Roster(PERIOD)
    for demand in (DEMAND, other):
        for number in range(20):
            roster.add(image(number, demand), 0.0)
    taken = [roster.take() for _ in range(40)]
    pairs = [(one.image, two.image) for one, two in zip(taken[::2], taken[1::2], strict=True)]
    assert all(one == two for one, two in pairs)
    for each in taken:
        roster.put_back(each, 7.0, is_first=True, is_told=True)
    again = [roster.take().image for _ in range(40)]
    assert again[::2] == again[1::2]


def test_those_who_wait_are_counted() -> None:
    roster = Roster(PERIOD)
    for number in range(3):
        roster.add(image(number), 0.0)
    assert roster.count_late(0.0) == 3
    roster.put_off(roster.take(), 10.0)
    assert (roster.count_late(9.0), roster.count_late(10.0)) == (2, 3)
