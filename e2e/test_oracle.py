"""Holds the oracle against upstream's own fixtures, and the random pods against the oracle."""

from collections import Counter
from collections.abc import Iterator

import pytest

from e2e.fixtures import read_fixtures
from e2e.oracle.controls import CONTROLS, OVERRIDDEN_BY
from e2e.oracle.process import Oracle, OracleError, Verdict
from e2e.pods import generate_questions

SEED = 20_260


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    with Oracle() as running:
        yield running


def test_agrees_with_every_upstream_fixture() -> None:
    fixtures = list(read_fixtures())
    with Oracle(apply_defaults=True) as oracle:
        verdicts = oracle.judge((each.level, each.version, each.pod) for each in fixtures)
    wrong = []
    for fixture, verdict in zip(fixtures, verdicts, strict=True):
        named = {fixture.check, OVERRIDDEN_BY.get(fixture.check, fixture.check)}
        if verdict.allowed != fixture.passes or not (fixture.passes or named & verdict.failed):
            wrong.append((fixture.path, verdict))
    assert wrong == []
    assert len(fixtures) == 4241


def test_defaults_decide_on_a_volume_without_a_source(oracle: Oracle) -> None:
    pod = {"spec": {"volumes": [{"name": "scratch"}]}}
    question = ("restricted", "v1.0", pod)
    without = oracle.judge([question])[0]
    with Oracle(apply_defaults=True) as defaulting:
        assert defaulting.judge([question])[0].failed == without.failed - {"restrictedVolumes"}
    assert "restrictedVolumes" in without.failed


def test_defaults_give_a_host_network_pod_its_host_ports(oracle: Oracle) -> None:
    ports = [{"containerPort": 8080}]
    pod = {"spec": {"hostNetwork": True, "containers": [{"name": "web", "ports": ports}]}}
    question = ("baseline", "latest", pod)
    assert oracle.judge([question]) == [Verdict(False, frozenset({"hostNamespaces"}))]
    with Oracle(apply_defaults=True) as defaulting:
        assert defaulting.judge([question])[0].failed == {"hostNamespaces", "hostPorts"}


@pytest.mark.parametrize(
    ("level", "version", "spec", "message"),
    [
        ("privileged", "latest", {}, "want baseline or restricted"),
        ("baseline", "1.30", {}, "want baseline or restricted, and latest or v1.N"),
        ("baseline", "latest", {"hostNetwork": "yes"}, "cannot unmarshal string"),
    ],
)
def test_says_what_it_cannot_judge(
    oracle: Oracle, level: str, version: str, spec: dict[str, object], message: str
) -> None:
    with pytest.raises(OracleError, match=message):
        oracle.judge([(level, version, {"spec": spec})])
    assert len(oracle.judge([("baseline", "latest", {})])) == 1, "it serves on after an error"


def test_says_that_the_program_died() -> None:
    with Oracle() as doomed:
        doomed.kill()
        with pytest.raises(OracleError, match="ended with -9"):
            doomed.judge(generate_questions(SEED, 3000))


def test_random_pods_reach_both_sides_of_every_check(oracle: Oracle) -> None:
    verdicts = oracle.judge(generate_questions(SEED, 10_000))
    alone = Counter(next(iter(each.failed)) for each in verdicts if len(each.failed) == 1)
    missing = CONTROLS.keys() - alone.keys()
    assert missing == set(), f"seed {SEED}: no pod fails one of these checks and no other"
    assert alone.keys() <= CONTROLS.keys()
    assert 0.2 < sum(each.allowed for each in verdicts) / len(verdicts) < 0.8


def test_random_pods_can_be_made_again() -> None:
    assert list(generate_questions(SEED, 20)) == list(generate_questions(SEED, 20))
    assert list(generate_questions(SEED, 20)) != list(generate_questions(SEED + 1, 20))
