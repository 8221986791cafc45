"""Nobody may have the best place."""

from collections import Counter
from itertools import pairwise

from bench.turns import take_turns


def test_everybody_has_a_turn_in_each_round() -> None:
    turns = list(take_turns("abcd", 3))
    assert [sorted(turns[start : start + 4]) for start in (0, 4, 8)] == [["a", "b", "c", "d"]] * 3


def test_everybody_has_each_place_as_often_as_any_other() -> None:
    turns = list(take_turns("abcd", 8))
    for place in range(4):
        assert Counter(turns[place::4]) == dict.fromkeys("abcd", 2)


def test_everybody_goes_before_and_after_the_neighbour() -> None:
    following = set(pairwise(take_turns("abcd", 8)))
    assert {("a", "b"), ("b", "a"), ("c", "d"), ("d", "c")} <= following
