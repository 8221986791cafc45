"""Who has much to check does not keep the others waiting, and holds no more than he may."""

from datetime import UTC, datetime

from revet.verify.allowance import Allowance
from revet.verify.candidate import Candidate
from revet.verify.discovery import Found
from revet.verify.trust import Question, Trust
from revet.verify.verifier import judge_all
from tests.support.sigstore.world import BUNDLE

QUESTION = Question(f"sha256:{'0' * 64}", Trust(), datetime(2026, 1, 1, tzinfo=UTC))


def test_the_shortest_are_checked_first_and_the_rest_is_left() -> None:
    found = Found([Candidate(f"a-{size}", BUNDLE, b" " * size) for size in (5000, 1, 3000, 2)])
    seconds = iter([0.0, 0.5, 1.0, 2.5, 3.0])
    evidence = judge_all(found, QUESTION, (), lambda: next(seconds))
    assert [each.place for each in evidence.flaws] == ["a-1", "a-2"]
    assert [each.place for each in evidence.unread] == ["a-3000", "a-5000"]
    assert "took more than 2 s" in evidence.unread[0].reason


def test_an_image_takes_no_more_than_its_own_allowance() -> None:
    allowance = Allowance(10)
    assert allowance.take(6) == ""
    assert "more than 10 bytes" in allowance.take(5)
    assert "more than 10 bytes" in allowance.take(-1)
    assert allowance.take(4) == ""
    allowance.give_back()
    assert allowance.take(10) == ""


def test_all_images_take_no_more_than_is_shared() -> None:
    shared = Allowance(15)
    first, second = Allowance(10, shared), Allowance(10, shared)
    assert first.take(10) == ""
    assert "of other images" in second.take(6)
    assert second.take(5) == ""
    first.give_back()
    assert second.take(5) == ""
    second.give_back()
    assert Allowance(15, shared).take(15) == ""
