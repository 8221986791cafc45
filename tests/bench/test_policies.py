"""What the bench sends must be what the API server would send."""

import json

from bench.policies import MUTATE, VALIDATE, find_calls, render_configurations
from bench.review import read_pod, read_review

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
