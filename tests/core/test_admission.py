"""One admission request: who is judged, what is patched, and what is let be."""

import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

import pytest

from revet.core.admission import Request, judge, patch
from revet.core.compiled_policy import Applied, CompiledPolicy, apply
from revet.core.model.mode import Mode
from tests.support.check_files import read_manifest
from tests.support.policy_builder import compile_policy, override
from tests.support.rfc6902 import apply_patch

Manifest = dict[str, Any]
MIRROR = {"kubernetes.io/config.mirror": "3f9c"}
CONTROLLER = {
    "apiVersion": "apps/v1",
    "kind": "ReplicaSet",
    "name": "web-5d8f",
    "uid": "1",
    "controller": True,
}


def _pod(metadata: Mapping[str, Any] | None = None, **spec: object) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web", **(metadata or {})},
        "spec": {"containers": [{"name": "app", "image": "registry.example/app:1"}], **spec},
    }


def _workload(metadata: Mapping[str, Any] | None = None, **spec: object) -> Manifest:
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {"name": "web", **(metadata or {})},
        "spec": {"replicas": 1, "template": {"spec": _pod(None, **spec)["spec"]}},
    }


def _request(
    manifest: Manifest, old: Manifest | None = None, groups: Sequence[str] = ()
) -> Request:
    return Request(
        read_manifest(manifest),
        None if old is None else read_manifest(old),
        json.dumps(manifest).encode(),
        groups,
    )


def _applied(*policies: CompiledPolicy, **labels: str) -> tuple[Applied, ...]:
    return apply(policies, "shop", {"tier": "prod", **labels}, frozenset())


ENFORCE = compile_policy(enforcement="Enforce")


def _set(manifest: Manifest, path: str, value: object) -> Manifest:
    """Return a copy with another value at a path such as `spec/containers/0/image`."""
    changed = deepcopy(manifest)
    *parents, last = path.split("/")
    place: Any = changed
    for token in parents:
        place = place[int(token)] if isinstance(place, list) else place.setdefault(token, {})
    place[last] = value
    return changed


def test_what_is_new_is_judged() -> None:
    assert _request(_pod()).needs_judging
    assert _request(_pod({"ownerReferences": [CONTROLLER]})).needs_judging
    assert _request(_workload()).needs_judging


APPARMOR = "container.apparmor.security.beta.kubernetes.io/app"


@pytest.mark.parametrize(
    ("path", "value", "is_judged"),
    [
        # As Pod Security: an image, a container that came or went.
        ("spec/containers/0/image", "registry.example/app:2", True),
        ("spec/ephemeralContainers", [{"name": "debug"}], True),
        ("spec/initContainers", [{"name": "prepare"}], True),
        ("spec/containers", [], True),
        # Any other field that a check reads.
        ("spec/containers/0/securityContext", {"privileged": True}, True),
        ("spec/containers/0/ports", [{"containerPort": 80, "hostPort": 80}], True),
        ("spec/containers/0/livenessProbe", {"tcpSocket": {"host": "x"}}, True),
        ("spec/containers/0/lifecycle", {"preStop": {"httpGet": {"host": "x"}}}, True),
        ("spec/securityContext", {"runAsUser": 0}, True),
        ("spec/securityContext", {"sysctls": [{"name": "kernel.msgmax"}]}, True),
        ("spec/volumes", [{"name": "a", "hostPath": {"path": "/"}}], True),
        ("spec/hostNetwork", True, True),
        ("spec/hostPID", True, True),
        ("spec/hostIPC", True, True),
        ("spec/hostUsers", False, True),
        ("spec/os", {"name": "windows"}, True),
        ("spec/tolerations", [{"operator": "Exists"}], True),
        ("metadata/annotations", {APPARMOR: "unconfined"}, True),
        # What no check reads must go through: old pods could not be touched any more.
        ("metadata/labels", {"app": "web"}, False),
        ("metadata/finalizers", ["example.com/wait"], False),
        ("metadata/ownerReferences", [CONTROLLER], False),
        ("spec/containers/0/resources", {"limits": {"cpu": "1"}}, False),
        ("spec/resources", {"limits": {"memory": "1Gi"}}, False),
        ("spec/activeDeadlineSeconds", 60, False),
        ("spec/containers/0/livenessProbe", {}, True),
        ("status", {"phase": "Running"}, False),
    ],
)
def test_an_update_is_judged_where_it_can_matter(path: str, value: object, is_judged: bool) -> None:  # noqa: FBT001 -- a column
    old = _pod()
    new = _set(old, path, value)
    assert _request(new, old).needs_judging is is_judged
    assert _request(old, new).needs_judging is is_judged
    decision = judge(_request(new, old), _applied(ENFORCE))
    assert bool(decision.verdicts) is (is_judged and bool(new["spec"]["containers"]))


def test_an_update_that_changes_nothing_is_let_be() -> None:
    assert not _request(_pod(), _pod()).needs_judging
    assert judge(_request(_pod(), _pod()), _applied(ENFORCE)).verdicts == ()


def test_what_a_controller_made_is_judged_as_pods_only() -> None:
    owned = {"ownerReferences": [CONTROLLER]}
    assert judge(_request(_workload(owned)), _applied(ENFORCE)).allowed
    assert not judge(_request(_pod(owned)), _applied(ENFORCE)).allowed
    # An owner that does not control it makes no Pods of it.
    guest = {"ownerReferences": [CONTROLLER | {"controller": False}]}
    assert not judge(_request(_workload(guest)), _applied(ENFORCE)).allowed


def test_a_template_is_judged_on_every_update_that_comes() -> None:
    old = _workload()
    assert _request(_set(old, "spec/template/spec/tolerations", []), old).needs_judging


@pytest.mark.parametrize(
    ("annotations", "groups", "is_mirror"),
    [
        (MIRROR, ["system:nodes", "system:authenticated"], True),
        (MIRROR, ["system:authenticated"], False),
        (MIRROR, [], False),
        ({}, ["system:nodes"], False),
        (None, ["system:nodes"], False),
    ],
)
def test_a_mirror_pod_is_what_a_node_says_is_one(
    annotations: Mapping[str, str] | None,
    groups: list[str],
    is_mirror: bool,  # noqa: FBT001 -- a column
) -> None:
    manifest = _pod({"annotations": annotations}, hostPID=True)
    request = _request(manifest, groups=groups)
    assert request.is_mirror is is_mirror
    decision = judge(request, _applied(ENFORCE))
    assert decision.allowed is is_mirror
    modes = {each.mode for each in decision.verdicts}
    assert modes == ({Mode.AUDIT} if is_mirror else {Mode.ENFORCE})
    assert bool(patch(request, _applied(ENFORCE))) is not is_mirror


def test_a_patched_pod_is_what_the_api_server_will_have() -> None:
    manifest = _pod(securityContext={"runAsUser": 1000})
    operations = patch(_request(manifest), _applied(ENFORCE))
    patched = apply_patch(manifest, operations)
    assert judge(_request(patched), _applied(ENFORCE)).verdicts == ()
    assert patch(_request(patched), _applied(ENFORCE)) == []


def test_a_template_is_judged_as_the_pod_it_would_become() -> None:
    good = _workload(securityContext={"runAsUser": 1000})
    before = deepcopy(good)
    assert judge(_request(good), _applied(ENFORCE)).verdicts == ()
    assert good == before
    decision = judge(_request(_workload()), _applied(ENFORCE))
    assert {each.finding.control for each in decision.verdicts} == {
        "run-as-non-root",
        "drop-all-capabilities",
    }
    # A Pod itself has been patched before: what is there now counts.
    decision = judge(_request(_pod(securityContext={"runAsUser": 1000})), _applied(ENFORCE))
    assert len(decision.verdicts) == 4


@pytest.mark.parametrize(
    ("spec", "labels", "is_patched"),
    [
        ({"enforcement": "Audit"}, {}, False),
        ({"enforcement": "Warn"}, {}, False),
        ({"enforcement": "Enforce"}, {}, True),
        ({"enforcement": "Enforce", "templates": "Warn"}, {}, True),
        ({"enforcement": "Enforce", "podSelector": {"matchLabels": {"app": "db"}}}, {}, False),
        ({"enforcementOverrides": [override("Enforce", team="payments")]}, {}, False),
        (
            {"enforcementOverrides": [override("Enforce", team="payments")]},
            {"team": "payments"},
            True,
        ),
        (
            {
                "enforcement": "Enforce",
                "controls": [
                    {"id": "seccomp-required", "patch": False},
                    {"id": "no-privilege-escalation", "mode": "Disabled"},
                ],
            },
            {},
            False,
        ),
        (
            {
                "profile": "baseline",
                "enforcement": "Enforce",
                "controls": [{"id": "no-privilege-escalation", "mode": "Audit", "patch": True}],
            },
            {},
            True,
        ),
    ],
)
def test_only_where_a_policy_enforces_are_pods_patched(
    spec: Mapping[str, Any],
    labels: Mapping[str, str],
    is_patched: bool,  # noqa: FBT001 -- a column
) -> None:
    applied = _applied(compile_policy(**spec), **labels)
    assert bool(patch(_request(_pod()), applied)) is is_patched


def test_several_policies_patch_what_any_of_them_asks_for() -> None:
    seccomp = compile_policy("seccomp", profile="baseline", enforcement="Enforce")
    escalation = compile_policy(
        "escalation",
        enforcement="Enforce",
        standardVersion="v1.18",
    )
    audited = compile_policy("audited", profile="high")
    operations = patch(_request(_pod()), _applied(audited, escalation, seccomp))
    assert [each["path"] for each in operations] == [
        "/spec/containers/0/securityContext",
        "/spec/containers/0/securityContext/allowPrivilegeEscalation",
        "/spec/securityContext",
        "/spec/securityContext/seccompProfile",
    ]


def test_a_policy_in_audit_judges_a_template_as_it_will_be_patched_by_another() -> None:
    audited = compile_policy("audited", profile="restricted")
    template = _workload(securityContext={"runAsUser": 1000})
    assert judge(_request(template), _applied(audited)).verdicts
    assert judge(_request(template), _applied(audited, ENFORCE)).verdicts == ()
