"""What comes over the wire: what is no review is told so, and nothing ends the server."""

import json
from collections.abc import Callable

import pytest

from revet.core.errors import ReviewError
from revet.webhook.connection import MAX_BODY_BYTES
from revet.webhook.review import parse_timeout
from tests.support.manifests import Manifest, container, good_pod, pod, policy
from tests.support.reviews import messages, paths, review
from tests.webhook.harness import Harness

POLICY = policy("strict", {"tier": "prod"}, enforcement="Enforce")
[PATH] = paths(POLICY)


@pytest.fixture(autouse=True)
def _policy(webhook: Harness) -> None:
    webhook.know(POLICY)


async def _lives_on(webhook: Harness) -> None:
    assert (await webhook.ask(PATH, good_pod()))["allowed"] is True
    assert (await webhook.ask(PATH, pod()))["allowed"] is False


async def test_a_review_is_answered(webhook: Harness) -> None:
    response = await webhook.ask(PATH, good_pod(), uid="7d1f")
    assert response == {"uid": "7d1f", "allowed": True}


def _without(*keys: str) -> Callable[[Manifest], None]:
    def drop(document: Manifest) -> None:
        for key in keys[:-1]:
            document = document[key]
        del document[keys[-1]]

    return drop


def _with(value: object, *keys: str) -> Callable[[Manifest], None]:
    def put(document: Manifest) -> None:
        for key in keys[:-1]:
            document = document[key]
        document[keys[-1]] = value

    return put


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_with("ConversionReview", "kind"), "ConversionReview is not served"),
        (_with("admission.k8s.io/v1beta1", "apiVersion"), "must be admission.k8s.io/v1"),
        (_with(3, "kind"), "$.kind"),
        (_without("kind"), "`kind`"),
        (_without("apiVersion"), "`apiVersion`"),
        (_without("request"), "`request`"),
        (_with(None, "request"), "$.request"),
        (_without("request", "uid"), "`uid` - at `$.request`"),
        (_with("", "request", "uid"), "request.uid is empty"),
        (_with(None, "request", "uid"), "$.request.uid"),
        (_without("request", "kind"), "`kind` - at `$.request`"),
        (_with("Pod", "request", "kind"), "$.request.kind"),
        (_with([], "request", "namespace"), "$.request.namespace"),
        (_with({"groups": [1]}, "request", "userInfo"), "$.request.userInfo.groups[0]"),
    ],
)
async def test_what_is_no_review_is_refused_with_its_place(
    webhook: Harness, change: Callable[[Manifest], None], told: str
) -> None:
    document = review(good_pod())
    change(document)
    reply = await webhook.post(PATH, json.dumps(document).encode())
    assert reply.status == 400
    assert told in reply.text
    assert webhook.count("revet_refused_requests_total", status="400") == 1
    await _lives_on(webhook)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"\x00",
        b"\xff\xfe{}",
        b"plain words",
        b'{"apiVersion":"admission.k8s.io/v1",}',
        b"[" * 200_000,
        b'{"a":' * 200_000,
        b"\xef\xbb\xbf" + json.dumps(review(good_pod())).encode(),
        json.dumps(review(good_pod())).encode("utf-16"),
        json.dumps(review(good_pod())).encode() + b"{}",
    ],
    ids=lambda body: repr(body[:12]),
)
async def test_what_is_no_json_is_refused(webhook: Harness, body: bytes) -> None:
    reply = await webhook.post(PATH, body)
    assert reply.status == 400
    assert reply.text.startswith("not an AdmissionReview: ")
    assert "Traceback" not in reply.text
    await _lives_on(webhook)


@pytest.mark.parametrize("content_type", ["text/plain", "application/yaml", "application/jsonp"])
async def test_another_content_type_is_refused(webhook: Harness, content_type: str) -> None:
    reply = await webhook.post(PATH, json.dumps(review(good_pod())).encode(), content_type)
    assert reply.status == 400
    assert reply.text == f"content type '{content_type}' must be application/json"


async def test_a_charset_is_no_other_content_type(webhook: Harness) -> None:
    body = json.dumps(review(good_pod())).encode()
    reply = await webhook.post(PATH, body, "application/json; charset=utf-8")
    assert reply.response["allowed"] is True


async def test_a_body_over_the_limit_is_refused(webhook: Harness) -> None:
    body = json.dumps(review(good_pod())).encode()
    most = body + b" " * (MAX_BODY_BYTES - len(body))
    assert (await webhook.post(PATH, most)).response["allowed"] is True
    reply = await webhook.post(PATH, most + b" ")
    assert reply.status == 413
    assert reply.text == "the review is over 8388608 bytes"
    assert webhook.count("revet_refused_requests_total", status="413") == 1
    await _lives_on(webhook)


@pytest.mark.parametrize("path", ["/validate/", "/validate", "/review/abc", "/", "/mutate/a/b"])
async def test_there_are_no_other_paths(webhook: Harness, path: str) -> None:
    assert (await webhook.post(path, b"{}")).status == 404


async def test_only_post_is_served(webhook: Harness) -> None:
    async with webhook.client.get(webhook.url + PATH) as answer:
        assert answer.status == 405


def _raw(subject: bytes) -> bytes:
    """Put bytes that no JSON writer would make where the object stands."""
    whole = json.dumps(review({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "@"}}))
    found = json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "@"}}).encode()
    return whole.encode().replace(found, subject)


def _pod_with(spec: bytes) -> bytes:
    return _raw(b'{"apiVersion":"v1","kind":"Pod","metadata":{"name":"odd"},"spec":' + spec + b"}")


STRANGE = {
    "deep in a field that nobody reads": _pod_with(b'{"x":' + b"[" * 50_000 + b"]" * 50_000 + b"}"),
    "deep in the pod": _pod_with(b'{"containers":' + b"[" * 50_000 + b"]" * 50_000 + b"}"),
    "a huge number": _pod_with(b'{"securityContext":{"runAsUser":' + b"9" * 5000 + b"}}"),
    "a huge exponent": _pod_with(b'{"securityContext":{"runAsUser":1e999999}}'),
    "not a number": _pod_with(b'{"securityContext":{"runAsUser":NaN}}'),
    "bytes that are no UTF-8": _pod_with(b'{"containers":[{"name":"\xff\xfe"}]}'),
    "NUL in a name": _pod_with(b'{"containers":[{"name":"\\u0000"}]}'),
    "a raw NUL": _pod_with(b'{"containers":[{"name":"\x00"}]}'),
    "half a surrogate pair": _pod_with(b'{"containers":[{"name":"\\ud800"}]}'),
    "half a pair as bytes": _pod_with(b'{"containers":[{"name":"\xed\xa0\x80"}]}'),
    "text for a list": _pod_with(b'{"containers":"none"}'),
    "a list for the object": _raw(b"[1,2]"),
    "text for the object": _raw(b'"pod"'),
    "false for the object": _raw(b"false"),
}


@pytest.mark.parametrize("name", STRANGE)
@pytest.mark.parametrize("door", ["validate", "mutate"])
async def test_strange_objects_are_never_admitted(webhook: Harness, name: str, door: str) -> None:
    reply = await webhook.post(PATH.replace("validate", door), STRANGE[name])
    assert reply.status in {200, 400}, reply.text
    assert "Traceback" not in reply.text
    if reply.status == 200 and door == "validate":
        assert reply.response["allowed"] is False
        assert reply.response["status"]["reason"] == "Forbidden"
    await _lives_on(webhook)


async def test_an_object_that_is_no_pod_is_told_by_its_field(webhook: Harness) -> None:
    response = (await webhook.post(PATH, STRANGE["text for a list"])).response
    assert response["allowed"] is False
    assert "Pod shop/@ could not be judged: Pod: Expected `array | null`" in messages(response)
    assert "$.spec.containers" in messages(response)


async def test_of_a_key_given_twice_the_last_counts(webhook: Harness) -> None:
    # As the API server's own decoder has it; it sends no such object.
    good, bad = json.dumps(good_pod()["spec"]), json.dumps(pod()["spec"])
    metadata = b'{"apiVersion":"v1","kind":"Pod","metadata":{"name":"twice"},"spec":'
    for first, last, allowed in ((good, bad, False), (bad, good, True)):
        body = _raw(metadata + first.encode() + b',"spec":' + last.encode() + b"}")
        assert (await webhook.post(PATH, body)).response["allowed"] is allowed


async def test_as_many_containers_as_are_judged_make_one_short_line(webhook: Harness) -> None:
    crowd = pod("crowd", *(container(f"c{number}") for number in range(500)))
    response = await webhook.ask(PATH, crowd)
    assert messages(response).startswith("\nPod shop/crowd: 2000 findings, policy strict")
    assert "and 1950 more" in messages(response)
    [line] = webhook.lines("decision")
    assert {each["count"] for each in line["findings"]} == {500}
    patched = await webhook.ask(PATH.replace("validate", "mutate"), crowd)
    assert patched["auditAnnotations"]["patched"].endswith("more")


@pytest.mark.parametrize("target", ["//[", "//[x]/", "/validate", "/validate/a/b", "/nowhere/a"])
async def test_another_path_is_not_found(webhook: Harness, target: str) -> None:
    assert (await webhook.post(target, b"{}")).status == 404


async def test_a_name_in_a_text_that_tells_of_a_fault_steers_no_terminal(webhook: Harness) -> None:
    path = PATH.rpartition("/")[0] + "/0123456789ab?timeout=1s"
    response = await webhook.ask(path, pod("x\nAllowed: everything \x1b[31m"))
    assert messages(response).isprintable()


async def test_ten_thousand_containers_hold_nobody_up(webhook: Harness) -> None:
    crowd = pod("crowd", *(container(f"c{number}") for number in range(10_000)))
    for path in (PATH, PATH.replace("validate", "mutate")):
        response = await webhook.ask(path, crowd)
        assert response["allowed"] is False
        assert "10000 containers, must be 500 at most" in messages(response)
    watched = await webhook.ask(PATH.replace("validate", "audit"), crowd)
    assert watched["allowed"] is True
    await _lives_on(webhook)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, 9.0),
        ("5s", 5.0),
        ("10s", 10.0),
        ("1.5s", 1.5),
        ("2m30s", 150.0),
        ("1h0m0s", 3600.0),
        ("250ms", 0.25),
        ("0s", 0.0),
    ],
)
def test_timeouts_are_read(text: str | None, seconds: float) -> None:
    assert parse_timeout(text, 9.0) == seconds


@pytest.mark.parametrize("text", ["", "bad", "5", "s", "-5s", "5s5s", "5 s", "1e3s", "5s\n"])
def test_what_is_no_timeout_is_refused(text: str) -> None:
    with pytest.raises(ReviewError, match="is no duration, must be one such as 5s"):
        parse_timeout(text, 9.0)


async def test_a_bad_timeout_is_a_bad_request(webhook: Harness) -> None:
    body = json.dumps(review(good_pod())).encode()
    reply = await webhook.post(f"{PATH}?timeout=soon", body)
    assert (reply.status, reply.text) == (
        400,
        "timeout='soon' is no duration, must be one such as 5s",
    )
    assert (await webhook.post(f"{PATH}?timeout=3s", body)).response["allowed"] is True
