"""Certificates that are asked for: which groups are read from a request, and who judges it."""

import json
from base64 import b64encode

import pytest

from revet.core.checks import ALL
from revet.core.item import read_item
from revet.core.kinds import ADMITTED, BY_NAME
from revet.core.model.signing_request import SigningRequest, SigningRequestSpec
from tests.cli.conftest import Ask
from tests.support.manifests import Manifest
from tests.support.policy_builder import compile_policy
from tests.support.signing_requests import signing_request

KIND = "CertificateSigningRequest"
MASTERS = "system:masters"


def _read(manifest: Manifest) -> SigningRequest:
    body = read_item("certificates.k8s.io", KIND, json.dumps(manifest).encode()).body
    assert isinstance(body, SigningRequest)
    return body


@pytest.mark.parametrize("groups", [(), (MASTERS,), ("team-a", MASTERS), ("Zürich", "x" * 64)])
def test_the_groups_are_those_of_the_subject(groups: tuple[str, ...]) -> None:
    assert _read(signing_request("jane", *groups)).groups == set(groups)


@pytest.mark.parametrize(
    "request_",
    [
        "",
        "%%%",
        "YQ==",
        b64encode(b"-----BEGIN CERTIFICATE REQUEST-----\nA\n-----END CERTIFICATE REQUEST-----"),
        b64encode(b"-----BEGIN CERTIFICATE-----\nYQ==\n-----END CERTIFICATE-----"),
    ],
)
def test_what_the_api_server_does_not_take_has_no_groups(request_: str | bytes) -> None:
    text = request_.decode() if isinstance(request_, bytes) else request_
    assert SigningRequest(SigningRequestSpec(text)).groups == frozenset()


@pytest.mark.parametrize(("condition", "found"), [("Approved", 1), ("Denied", 0), ("Failed", 0)])
def test_one_that_was_refused_is_not_found(condition: str, found: int) -> None:
    manifest = signing_request("jane", MASTERS)
    body = _read(manifest | {"status": {"conditions": [{"type": condition, "status": "True"}]}})
    assert body.is_refused is not bool(found)


@pytest.mark.parametrize(("group", "found"), [(MASTERS, ["rbac-masters"]), ("masters", [])])
def test_the_command_line_judges_it(ask: Ask, group: str, found: list[str]) -> None:
    report = ask(json.dumps(signing_request("jane", group)))
    assert [each.control for each in report.findings] == found
    assert [each.pointer for each in report.findings] == ["/spec/request"] * len(found)


def test_no_webhook_stands_in_its_way() -> None:
    assert KIND in BY_NAME
    assert KIND not in ADMITTED
    policy = compile_policy(selector={}, catalog=ALL, profile="high", enforcement="Enforce")
    assert KIND in policy.judged_kinds
    assert not any(KIND in entry.kinds for _, entry in policy.entries)
