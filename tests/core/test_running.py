"""What runs of a pod is judged by the digest that its node tells, and never passes without one."""

import json
from collections.abc import Mapping
from typing import Any, Final

import pytest

from revet.core.audit import inspect
from revet.core.checks import image_digest, image_signature
from revet.core.compiled_policy import Applied, CompiledPolicy, apply
from revet.core.model.image_facts import Fault
from revet.core.running import Running, find_running, list_running, trim_status
from revet.core.workload import Subject, read
from tests.support.policy_builder import build_policy

DIGEST: Final = f"sha256:{'a' * 64}"
OTHER: Final = f"sha256:{'b' * 64}"
CATALOG: Final = (image_digest.CHECK, image_signature.CHECK)
KEY: Final = {"configMapRef": {"name": "signers", "key": "cosign.pub"}}
RULE: Final = {"name": "ci", "images": ["r.example/*"], "anyOf": [{"key": KEY}]}
UNSIGNED: Final = (Fault("no signature"),)


def _applied(**images: object) -> tuple[Applied, ...]:
    told = {"verify": [RULE], **images}
    policy = CompiledPolicy.of(build_policy(enforcement="Enforce", images=told), CATALOG)
    return apply([policy], "shop", {"tier": "prod"}, frozenset())


def _pod(image: str, image_id: str | None = None, **spec: object) -> tuple[Subject, bytes]:
    statuses = [] if image_id is None else [{"name": "app", "imageID": image_id, "ready": True}]
    made = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"containers": [{"name": "app", "image": image}], **spec},
        "status": {"phase": "Running", "containerStatuses": statuses},
    }
    document = json.dumps(made).encode()
    return read("", "Pod", document), document


def _verdicts(
    pod: tuple[Subject, bytes], applied: tuple[Applied, ...], *bad: str
) -> list[tuple[str, str, bool, bool]]:
    """Audit a pod; whatever runs of these is unsigned, and of others all is well."""
    subject, document = pod
    digests = find_running(subject.pod(), document)
    faults = {
        (each.demand.key, each.image): UNSIGNED if each.image in bad else ()
        for _, each in list_running(subject.pod(), applied, digests)
    }
    found = inspect(subject, document, applied, images=Running(digests, faults)).verdicts
    return [
        (each.finding.control, each.finding.message, each.is_unknown, each.would_deny)
        for each in found
        if each.finding.control == "image-signature"
    ]


@pytest.mark.parametrize(
    ("image_id", "digest"),
    [
        (f"r.example/app@{DIGEST}", DIGEST),
        (f"docker-pullable://r.example/app@{DIGEST}", DIGEST),
        # That of the configuration: no registry knows the image by it.
        (DIGEST, ""),
        (f"docker://{DIGEST}", ""),
        ("r.example/app@sha256:abc", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_a_node_tells_by_which_digest_a_tag_runs(image_id: str | None, digest: str) -> None:
    subject, document = _pod("r.example/app:1", image_id)
    assert find_running(subject.pod(), document) == {"/spec/containers/0/image": digest}


def test_what_has_a_digest_needs_no_node_to_tell() -> None:
    subject, document = _pod(f"r.example/app:1@{DIGEST}", f"r.example/app@{OTHER}")
    assert find_running(subject.pod(), document) == {}
    [(_, wanted)] = list_running(subject.pod(), _applied(), {})
    assert wanted.image == f"r.example/app@{DIGEST}"
    assert not wanted.takes_old


@pytest.mark.parametrize(
    "status", [None, {}, {"containerStatuses": None}, {"containerStatuses": [{"name": None}]}]
)
def test_a_status_that_tells_nothing(status: Mapping[str, Any] | None) -> None:
    subject, document = _pod("r.example/app:1")
    odd = json.dumps({**json.loads(document), "status": status}).encode()
    assert find_running(subject.pod(), odd) == {"/spec/containers/0/image": ""}
    assert trim_status(json.dumps(status).encode()) == b""


def test_of_a_status_only_what_runs_is_kept() -> None:
    told = {"name": "app", "imageID": f"r.example/app@{DIGEST}", "ready": True}
    waiting = {"name": "late", "imageID": "", "state": {}}
    status = {"phase": "Running", "containerStatuses": [told, waiting]}
    status["initContainerStatuses"] = [told | {"name": "init"}]
    kept = json.loads(trim_status(json.dumps(status).encode()))
    assert kept == {
        "initContainerStatuses": [{"name": "init", "imageID": told["imageID"]}],
        "containerStatuses": [{"name": "app", "imageID": told["imageID"]}],
    }


RUNS: Final = f"r.example/app:1@{DIGEST}"
NO_DIGEST: Final = "image r.example/app:1 must be signed, and has no digest that could be"
NOT_TOLD: Final = (
    "not checked: image r.example/app:1: its node does not tell by which digest it runs"
)
PIN: Final = {"digest": "Pin", "registries": ["r.example/"]}


@pytest.mark.parametrize(
    ("images", "image", "image_id", "is_bad", "told"),
    [
        # By its own digest.
        ({}, RUNS, None, False, []),
        ({}, RUNS, None, True, [(f"image {RUNS}: no signature", False, True)]),
        # A tag that would be pinned counts as what runs.
        (PIN, "r.example/app:1", f"x@{DIGEST}", False, []),
        (PIN, "r.example/app:1", f"x@{DIGEST}", True,
         [(f"image {RUNS}: no signature", False, True)]),
        (PIN, "r.example/app:1", None, False, [(NOT_TOLD, True, False)]),
        # One that would not be refused for itself, whatever runs.
        ({}, "r.example/app:1", None, False, [(NO_DIGEST, False, True)]),
        ({}, "r.example/app:1", f"x@{DIGEST}", False, [(NO_DIGEST, False, True)]),
        (
            {},
            "r.example/app:1",
            f"x@{DIGEST}",
            True,
            [(NO_DIGEST, False, True), (f"image {RUNS}: no signature", False, True)],
        ),
        # No rule is about it.
        ({}, "other.example/app:1", f"x@{DIGEST}", True, []),
    ],
)  # fmt: skip
def test_what_runs_is_judged(
    images: dict[str, object],
    image: str,
    image_id: str | None,
    is_bad: bool,  # noqa: FBT001 -- a column of the table
    told: list[tuple[str, bool, bool]],
) -> None:
    bad = [f"r.example/app@{DIGEST}"] if is_bad else []
    found = _verdicts(_pod(image, image_id), _applied(**images), *bad)
    assert [each[1:] for each in found] == told


def test_a_volume_of_a_tag_is_told_by_nobody() -> None:
    volumes = [{"name": "data", "image": {"reference": "r.example/app:1"}}]
    pod = _pod(RUNS, f"r.example/app@{DIGEST}", volumes=volumes)
    [(_, message, is_unknown, _)] = _verdicts(pod, _applied(**PIN))
    assert (message, is_unknown) == (NOT_TOLD, True)
