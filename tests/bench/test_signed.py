"""What signatures are measured with must be what the figures say."""

import json

from bench.signatures import Answer
from bench.signed import found_signed, render_review
from tests.support.registry import FakeRegistry


def test_each_image_has_a_signature_of_its_own() -> None:
    signed = found_signed(FakeRegistry(host="registry.example.com"))
    references = [signed.push(f"team/app-{number}") for number in range(3)]
    assert len(set(references)) == len(signed.registry.manifests) == 3
    for each in references:
        name, _, digest = each.partition("@")
        (referrer,) = signed.registry.referrers[name.partition("/")[2], digest]
        manifest = json.loads(signed.registry.manifests[name.partition("/")[2], referrer][0])
        assert manifest["subject"]["digest"] == digest


def test_a_review_has_a_container_for_each_image() -> None:
    spec = json.loads(render_review(["a", "b", "b"], "team"))["request"]["object"]["spec"]
    assert [each["image"] for each in spec["containers"]] == ["a", "b", "b"]
    assert len({each["name"] for each in spec["containers"]}) == 3


def test_what_was_not_known_in_time_is_no_verdict() -> None:
    assert Answer(allowed=True, message="", seconds=1).is_verdict
    assert Answer(allowed=False, message='no signature by "ci"', seconds=1).is_verdict
    assert not Answer(allowed=False, message="not checked: image x", seconds=1).is_verdict
