"""What the bench sends must be what the API server would send."""

import json

from bench.policies import (
    FULL,
    MUTATE,
    VALIDATE,
    find_calls,
    render_configurations,
    render_policies,
)
from bench.review import read_pod, read_review
from revet.core.check import Level
from revet.core.checks import BY_ID
from revet.core.compiled_policy import CompiledPolicy
from revet.core.model.policy import parse_policy

URL = "https://127.0.0.1:9443"


def test_one_policy_judges_and_the_other_patches_too() -> None:
    configurations = render_configurations(URL, b"ca")
    judged, patched = (find_calls(configurations, policy) for policy in (VALIDATE, MUTATE))
    assert [url.rpartition("/")[0] for url in judged.validating.values()] == [f"{URL}/validate"]
    assert judged.mutating == {}
    assert [url.rpartition("/")[0] for url in patched.validating.values()] == [f"{URL}/validate"]
    assert [url.rpartition("/")[0] for url in patched.mutating.values()] == [f"{URL}/mutate"]


def test_the_review_is_compact_and_holds_the_pod_that_is_created() -> None:
    review = read_review()
    assert 3500 < len(review) < 3700
    sent, created = json.loads(review)["request"]["object"], json.loads(read_pod())
    assert created["spec"]["containers"] == sent["spec"]["containers"]
    assert len(created["spec"]["containers"]) == 2


def test_only_what_pod_security_asks_for_is_compared_with_it() -> None:
    compiled = [CompiledPolicy.of(parse_policy(json.dumps(each))) for each in render_policies()]
    checks = {policy.name: {check.id for check in policy.checks} for policy in compiled}
    assert all(BY_ID[each].level is not None for each in checks[VALIDATE])
    assert checks[VALIDATE] == checks[MUTATE] < checks[FULL]
    assert {BY_ID[each].level for each in checks[VALIDATE]} == set(Level)


def test_a_review_is_of_the_namespace_that_is_asked_for() -> None:
    request = json.loads(read_review("full"))["request"]
    assert (request["namespace"], request["object"]["metadata"]["namespace"]) == ("full", "full")
