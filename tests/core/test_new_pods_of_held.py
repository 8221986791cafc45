"""What becomes of new pods of an image that is held: by mode, ceiling, place and digest."""

import json
from typing import Any, Final

import pytest

from revet.core.admission import Request, judge
from revet.core.check import Finding
from revet.core.checks import ALL
from revet.core.compiled_policy import CompiledPolicy, apply
from revet.core.model.image_facts import Resolved, Told
from revet.core.model.mode import Mode
from revet.core.model.policy_status import HardeningPolicyStatus
from tests.support.check_files import read_manifest
from tests.support.held import HELD
from tests.support.manifests import Manifest
from tests.support.policy_builder import build_policy

BAD: Final = HELD.digest
OTHER: Final = f"sha256:{'0' * 64}"


def _policy(new_pods: str, enforcement: str = "Enforce", **spec: Any) -> CompiledPolicy:  # noqa: ANN401 -- as a spec's
    respond = {"respond": [{"action": "HoldImage", "newPods": new_pods}]}
    policy = build_policy("p", enforcement=enforcement, runtime=respond, **spec)
    status = HardeningPolicyStatus(held_images=(HELD,))
    return CompiledPolicy.of(policy.model_copy(update={"status": status}), ALL)


def _pod(*images: str, **metadata: Any) -> Manifest:  # noqa: ANN401 -- as metadata's
    containers = [{"name": f"c{at}", "image": image} for at, image in enumerate(images)]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web", **metadata},
        "spec": {"containers": containers},
    }


def _find(
    policy: CompiledPolicy, manifest: Manifest, old: Manifest | None = None, namespace: str = "shop"
) -> list[tuple[Mode, Finding]]:
    applied = apply([policy], namespace, {"tier": "prod"}, frozenset({"kube-system"}))
    before = read_manifest(old) if old is not None else None
    document = json.dumps(manifest).encode()
    pins = policy.pins
    told = {(pins.key, "registry.example/app:1"): Resolved(BAD)} if pins is not None else {}
    request = Request(read_manifest(manifest), before, document, images=Told(told))
    return [
        (each.mode, each.finding)
        for each in judge(request, applied).verdicts
        if each.finding.control == "image-held"
    ]


@pytest.mark.parametrize(
    ("new_pods", "enforcement", "mode", "of_template"),
    [
        ("Deny", "Enforce", Mode.ENFORCE, Mode.WARN),
        ("Deny", "Warn", Mode.WARN, Mode.WARN),
        ("Deny", "Audit", Mode.AUDIT, Mode.AUDIT),
        ("Warn", "Enforce", Mode.WARN, Mode.WARN),
        ("Warn", "Audit", Mode.AUDIT, Mode.AUDIT),
    ],
)
def test_new_pods_get_what_the_policy_says_below_its_ceiling(
    new_pods: str, enforcement: str, mode: Mode, of_template: Mode
) -> None:
    policy = _policy(new_pods, enforcement)
    [(found, _)] = _find(policy, _pod(f"x@{BAD}", f"x@{OTHER}", "x:1"))
    assert found is mode
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"}}
    template = {"spec": {"template": {"spec": _pod(f"x@{BAD}")["spec"]}}}
    assert [each for each, _ in _find(policy, job | template)] == [of_template]


def test_only_images_that_a_pod_did_not_have_are_refused_on_update() -> None:
    policy = _policy("Deny")
    old = _pod(f"x@{BAD}", f"y@{OTHER}")
    moved = _pod(f"x@{BAD}", f"y@{OTHER}", annotations={"a": "b"})
    assert _find(policy, moved, old) == []
    [(mode, found)] = _find(policy, _pod(f"x@{BAD}", f"y@{BAD}"), old)
    assert (mode, found.pointer) == (Mode.ENFORCE, "/spec/containers/1/image")


def test_the_systems_pods_are_never_told() -> None:
    named = {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}
    policy = _policy("Deny", selector=named)
    applied = apply([policy], "kube-system", named["matchLabels"], frozenset({"kube-system"}))
    manifest = _pod(f"x@{BAD}")
    request = Request(read_manifest(manifest), None, json.dumps(manifest).encode())
    controls = {each.finding.control for each in judge(request, applied).verdicts}
    assert controls
    assert "image-held" not in controls


def test_a_tag_is_told_by_the_digest_that_its_registry_has_told() -> None:
    images = {"registries": ["registry.example/"], "digest": "Pin"}
    policy = _policy("Deny", images=images)
    [(mode, found)] = _find(policy, _pod("registry.example/app:1"))
    assert mode is Mode.ENFORCE
    assert found.message.startswith("image sha256:aaaaaaaaaaaa is held since 2026-11-22T12:00Z")
    assert _find(_policy("Deny"), _pod("registry.example/app:1")) == []
