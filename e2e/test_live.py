"""Upstream's own live suite passes against our webhook, with the in-tree plugin off.

Of one version here, of all of them in `make conformance`.
"""

from collections import Counter

import pytest

from e2e.upstream.comparison import LiveScore, compare_live, open_stage
from e2e.upstream.process import Failure, build_suite

MINOR = 35
REQUESTS = 296


@pytest.fixture(scope="module")
def score() -> LiveScore:
    build_suite()
    with open_stage() as plane:
        return compare_live(plane, [MINOR])


def test_upstreams_suite_passes(score: LiveScore) -> None:
    assert score.plain.failures == []
    assert score.plain.passed


def test_every_request_was_made(score: LiveScore) -> None:
    for outcome in (score.plain, score.patched):
        assert len(outcome.answers) == REQUESTS
        kinds = Counter(answer.resource for answer in outcome.answers)
        assert kinds["pods"] == kinds["deployments"] == REQUESTS / 2
    refused = Counter(each.status for each in score.plain.answers if each.resource == "pods")
    assert refused[403] > refused[201] > 0


def test_patches_change_exactly_what_they_mend(score: LiveScore) -> None:
    assert score.others == []
    assert score.flips == score.template_flips == score.predicted
    by_check = Counter(flip.test.rpartition("_fail_")[2] for flip in score.flips)
    assert by_check == {"allowPrivilegeEscalation": 2, "seccompProfile_restricted": 3}


def test_upstream_would_admit_whatever_is_admitted(score: LiveScore) -> None:
    judged = [each for each in score.patched.answers if each.forbidden is not None]
    assert len(judged) > len(score.flips)
    assert score.unsafe == []
    assert score.is_clean


def test_a_failure_says_whether_something_was_admitted() -> None:
    message = 'expected error creating {"spec":{}}, got none'
    assert Failure("ns_fail_x", 1, message).is_admitted
    assert not Failure("ns_fail_x", 1, "unexpected error creating {}: no").is_admitted
