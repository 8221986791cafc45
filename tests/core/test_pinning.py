"""What pinning asks, and what follows from the answers, without any registry."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from revet.core.admission import Request, ask, judge, patch
from revet.core.audit import inspect
from revet.core.checks import image_digest, image_registry
from revet.core.compiled_policy import CompiledPolicy, apply
from revet.core.model.image_facts import Absent, Answer, Resolved, Told, Unknown
from revet.core.model.meta import PINNED_ANNOTATION
from revet.core.model.mode import Mode
from revet.core.render.webhook import Backend, webhook_configurations
from revet.core.workload import read
from tests.support.manifests import Manifest, container, pod, workload
from tests.support.policy_builder import PROD, compile_policy, override

CATALOG = (image_registry.CHECK, image_digest.CHECK)
DIGEST = f"sha256:{'a' * 64}"
APP = "registry.example/app:1"
PIN = {"digest": "Pin", "registries": ["registry.example/"]}


def _policy(images: Mapping[str, object] = PIN, **spec: Any) -> CompiledPolicy:  # noqa: ANN401
    return compile_policy(catalog=CATALOG, **{"enforcement": "Enforce", "images": images, **spec})


def _request(manifest: Manifest, old: Manifest | None = None) -> Request:
    group = manifest["apiVersion"].rpartition("/")[0]
    data = json.dumps(manifest).encode()
    before = read(group, manifest["kind"], json.dumps(old).encode()) if old else None
    return Request(read(group, manifest["kind"], data), before, data, now=1000.0)


def _applied(*policies: CompiledPolicy) -> Any:  # noqa: ANN401 -- as the functions take it
    return apply(policies, "shop", {"tier": "prod"}, frozenset())


def _told(policy: CompiledPolicy, **answers: Answer) -> Told:
    assert policy.pins is not None
    return Told({(policy.pins.key, f"registry.example/{key}:1"): answers[key] for key in answers})


def test_require_asks_nobody_and_demands_the_digest() -> None:
    policy = _policy({"digest": "Require"})
    request = _request(pod())
    assert ask(request, _applied(policy), mutating=True) == []
    assert patch(request, _applied(policy)) == []
    assert not judge(request, _applied(policy)).allowed
    assert not any(entry.patches for _, entry in policy.entries)


def test_pin_needs_a_mutating_entry_for_debug_containers_too() -> None:
    backend = Backend(b"", "https://127.0.0.1:1")
    policies = [_policy(), _policy({"digest": "Require"}, name="require")]
    [entry] = webhook_configurations(policies, backend, [])[1]["webhooks"]
    assert [(rule["resources"], rule["operations"]) for rule in entry["rules"]] == [
        (["pods"], ["CREATE"]),
        (["pods/ephemeralcontainers"], ["UPDATE"]),
    ]
    # Another control's patches are for new Pods alone.
    other = compile_policy(enforcement="Enforce")
    [entry] = webhook_configurations([other], backend, [])[1]["webhooks"]
    assert [rule["resources"] for rule in entry["rules"]] == [["pods"]]


@pytest.mark.parametrize(
    ("images", "controls", "mode"),
    [
        ({"digest": "Disabled"}, [], Mode.WARN),
        ({"digest": "Require"}, [], Mode.ENFORCE),
        (PIN, [], Mode.ENFORCE),
        (PIN, [{"id": "image-digest", "mode": "Warn"}], Mode.WARN),
    ],
)
def test_the_mode_of_the_control(images: Any, controls: Any, mode: Mode) -> None:  # noqa: ANN401
    assert _policy(images, controls=controls).modes["image-digest"] is mode


@pytest.mark.parametrize(
    ("image", "is_asked"),
    [
        (APP, True),
        ("registry.example/app", True),
        ("REGISTRY.example/app", False),
        ("registry.example:443/app:1", False),
        (f"{APP}@{DIGEST}", False),
        (f"{APP}@sha256:short", False),
        ("registry.example.evil.test/app:1", False),
        ("registry.example/../app:1", False),
        ("registry.example", False),
        ("nginx", False),
        ("", False),
    ],
)
def test_which_images_are_asked_about(image: str, *, is_asked: bool) -> None:
    request = _request(pod("web", container(image=image)))
    found = ask(request, _applied(_policy()), mutating=True)
    assert [each.reference for each in found] == ([image] if is_asked else [])


def test_docker_hub_is_asked_by_all_its_names() -> None:
    policy = _policy({"digest": "Pin", "registries": ["docker.io/library/"]})
    names = ["nginx", "docker.io/nginx:1", "index.docker.io/library/nginx"]
    request = _request(pod("web", *(container(f"c{name[0]}", image=name) for name in names)))
    found = ask(request, _applied(policy), mutating=True)
    assert [each.reference for each in found] == names


def test_nobody_is_asked_under_a_lower_ceiling() -> None:
    policy = _policy(enforcement="Warn", enforcementOverrides=[override("Enforce", team="pay")])
    request = _request(pod())
    assert ask(request, _applied(policy), mutating=True) == []
    there = apply([policy], "pay", {"tier": "prod", "team": "pay"}, frozenset())
    assert len(ask(request, there, mutating=True)) == 1


def test_policies_that_reach_registries_alike_share_a_question() -> None:
    policies = [_policy(name=name) for name in ("a", "b")]
    policies.append(_policy(PIN | {"hosts": [{"host": "registry.example"}]}, name="c"))
    assert len(ask(_request(pod()), _applied(*policies), mutating=True)) == 2


def test_the_pin_of_one_policy_is_the_digest_of_another() -> None:
    policies = [_policy(), _policy({"digest": "Require"}, name="require")]
    request = _request(workload("Deployment"))
    told = _told(policies[0], app=Resolved(DIGEST))
    answered = Request(request.subject, None, request.document, images=told)
    assert judge(answered, _applied(*policies)).allowed


def test_a_patch_replaces_the_tag_and_says_so() -> None:
    policy = _policy()
    request = _request(pod())
    told = _told(policy, app=Resolved(DIGEST))
    operations = patch(
        Request(request.subject, None, request.document, images=told, now=1000.9),
        _applied(policy),
    )
    pinned = f"{APP}@{DIGEST}"
    path = f"/metadata/annotations/{PINNED_ANNOTATION.replace('/', '~1')}"
    assert operations == [
        {"op": "replace", "path": "/spec/containers/0/image", "value": pinned},
        {"op": "add", "path": "/metadata/annotations", "value": {}},
        {"op": "add", "path": path, "value": f"1000 {pinned}"},
    ]


@pytest.mark.parametrize(
    ("answer", "on_unknown", "kind", "mode"),
    [
        (Unknown("r: gone"), "Deny", "Pod", Mode.ENFORCE),
        (Unknown("r: gone"), "Warn", "Pod", Mode.WARN),
        (Unknown("r: gone"), "Audit", "Pod", Mode.AUDIT),
        (Unknown("r: gone"), "Deny", "Deployment", Mode.WARN),
        (Unknown("r: gone"), "Audit", "Deployment", Mode.AUDIT),
        (Absent("r: 404"), "Audit", "Pod", Mode.ENFORCE),
        (Absent("r: 404"), "Audit", "Deployment", Mode.ENFORCE),
    ],
)
def test_what_an_answer_leads_to(answer: Answer, on_unknown: str, kind: str, mode: Mode) -> None:
    policy = _policy(PIN | {"onUnknown": on_unknown})
    manifest = pod() if kind == "Pod" else workload(kind)
    request = _request(manifest)
    told = _told(policy, app=answer)
    answered = Request(request.subject, None, request.document, images=told)
    [verdict] = judge(answered, _applied(policy)).verdicts
    assert (verdict.mode, verdict.finding.control) == (mode, "image-digest")
    assert verdict.is_unknown is isinstance(answer, Unknown)


def test_what_would_be_pinned_is_no_refusal_to_come() -> None:
    """The audit asks nobody: it tells what stands, and that enforcing would pin it."""
    manifest = pod("web", container(), container("b", image="other.example/x:1"))
    request = _request(manifest)
    assert not isinstance(request.document, str)
    policy = _policy(PIN, selector=PROD)
    decision = inspect(request.subject, bytes(request.document), _applied(policy))
    spared = {
        (each.finding.control, each.finding.container): each.spared for each in decision.verdicts
    }
    assert not spared["image-registry", "b"]
    only = _request(pod())
    decision = inspect(only.subject, bytes(only.document), _applied(policy))
    assert [each.spared for each in decision.verdicts] == [True]
