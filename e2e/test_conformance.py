"""Our engine gives upstream's verdicts: on all its fixtures, and on random pods."""

from collections import Counter
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import HealthCheck, given, settings

from e2e.comparison import Comparison, Disagreement, Engine, fresh_seed
from e2e.dice import Object
from e2e.fixtures import FAILING, PASSING, read_fixtures
from e2e.pods import Question, nth_question, questions
from e2e.shrinking import shrink
from revet.core.checks import ALL

PODS = 10_000


@pytest.fixture(scope="module")
def comparison() -> Iterator[Comparison]:
    with Comparison(Engine()) as running:
        yield running


def test_agrees_with_every_upstream_fixture() -> None:
    engine = Engine()
    results = [engine.hold_against(fixture) for fixture in read_fixtures()]
    wrong = [f"{r.fixture.path}: want {r.wanted}, got {r.found}" for r in results if not r.agrees]
    assert wrong == []
    assert Counter(result.wanted is None for result in results) == {True: PASSING, False: FAILING}
    assert len(results) == 4241
    assert sum(result.is_overridden for result in results) == 181


def test_a_missing_check_is_seen_in_the_fixtures() -> None:
    engine = Engine(check for check in ALL if check.id != "host-ports")
    wrong = [each for each in read_fixtures() if not engine.hold_against(each).agrees]
    assert {(each.check, each.passes) for each in wrong} == {("hostPorts", False)}


def test_agrees_on_random_pods(comparison: Comparison) -> None:
    seed = fresh_seed()
    print(f"python -m e2e.conformance --pods {PODS} --seed {seed}")
    assert "\n".join(map(str, comparison.compare(seed, range(PODS)))) == ""


@settings(
    max_examples=300,
    deadline=None,
    database=None,
    print_blob=True,
    # A pod takes many draws, and the oracle serves all examples.
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(question=questions())
@pytest.mark.parametrize("completed", [False, True])
def test_agrees_on_pods_that_hypothesis_draws(
    comparison: Comparison, question: Question, *, completed: bool
) -> None:
    ((ours, upstream),) = comparison.ask([question], completed=completed)
    assert ours == upstream


@pytest.mark.parametrize("check", ["host-ports", "volume-types", "seccomp-required"])
def test_a_missing_check_is_found_and_shrunk(check: str) -> None:
    blind = Engine(each for each in ALL if each.id != check)
    with Comparison(blind) as comparison:
        found = next(
            each for each in comparison.compare(1, range(2000)) if each.upstream - {check} == set()
        )
        pod = shrink(found.question.pod, lambda pods: comparison.disagrees(found, pods))
        assert comparison.disagrees(found, [pod]) == [True]
    assert found.upstream == {check}
    assert len(str(pod)) < 150 <= len(str(found.question.pod))


def test_a_disagreement_says_how_to_see_it_again() -> None:
    question = nth_question(7, 12)
    text = str(Disagreement(7, 12, False, question, frozenset({"sysctls"}), "KeyError: 'x'"))
    assert text.startswith(f"seed 7 pod 12, {question.level} {question.version}, as it is")
    assert "upstream: ['sysctls']\n  ours: KeyError: 'x'\n" in text
    assert '{"apiVersion":"v1","kind":"Pod"' in text


def test_a_pod_that_cannot_be_judged_is_a_disagreement() -> None:
    pod = {"spec": {"hostNetwork": "yes"}}
    for completed in (False, True):
        failing = Engine().failing(Question("baseline", "latest", pod), completed=completed)
        assert isinstance(failing, str)
        assert failing.startswith("ManifestError: Pod: Expected `bool | null`, got `str`")


def test_shrinking_keeps_what_shows_the_fault_and_drops_the_rest() -> None:
    def still_shows(pods: Sequence[Object]) -> list[bool]:
        return ["b" in pod.get("list", []) and "deep" in pod.get("other", {}) for pod in pods]

    document = {"list": ["a", "b", {"c": 1}], "other": {"deep": {"x": [1]}, "y": None}, "more": 3}
    assert shrink(document, still_shows) == {"list": ["b"], "other": {"deep": {}}}
    assert document["more"] == 3, "the document itself stays"
