"""Each safe patch is made where its precondition holds, and nowhere else."""

from collections.abc import Mapping
from typing import Any

import pytest

from revet.core.check import Assignment, Json
from revet.core.checks import BY_ID
from revet.core.engine import ActiveCheck, Change, evaluate, mend, select_profile
from revet.core.errors import ManifestError
from revet.core.model.mode import Mode
from revet.core.model.pod import Pod
from revet.core.model.version import LATEST, KubeVersion
from revet.core.patch import Operation, assign
from tests.support.check_files import read_manifest
from tests.support.rfc6902 import apply_patch
from tests.support.standards import STANDARDS

Manifest = dict[str, Any]
APP = "/spec/containers/0/securityContext"
SECCOMP = "seccomp.security.alpha.kubernetes.io/"


def _pod(
    context: Mapping[str, Any] | None,
    pod: Mapping[str, Any] | None = None,
    annotations: Mapping[str, str] | None = None,
    **spec: object,
) -> Manifest:
    app = {"name": "app"} | ({} if context is None else {"securityContext": context})
    shared = {} if pod is None else {"securityContext": pod}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web", "annotations": annotations},
        "spec": {"containers": [app], **shared, **spec},
    }


def _patching(*controls: str, version: KubeVersion = LATEST) -> list[ActiveCheck]:
    changes = {check.id: Change(Mode.ENFORCE, check.id in controls) for check in STANDARDS}
    return select_profile(STANDARDS, "restricted", version, changes)


def _paths(operations: list[Operation]) -> list[str]:
    return [operation["path"] for operation in operations]


def _mend(manifest: Manifest, *controls: str, version: KubeVersion = LATEST) -> list[Operation]:
    return mend(manifest, "", _patching(*controls, version=version))[1]


TABLE: list[tuple[str, Manifest, bool]] = [
    ("seccomp-required", _pod(None), True),
    ("seccomp-required", _pod({}, {}), True),
    ("seccomp-required", _pod({}, {"seccompProfile": None}), True),
    ("seccomp-required", _pod({"seccompProfile": {"type": "Localhost"}}), False),
    ("seccomp-required", _pod({"seccompProfile": {"type": "Unconfined"}}), False),
    ("seccomp-required", _pod(None, {"seccompProfile": {"type": "Unconfined"}}), False),
    ("seccomp-required", _pod(None, {"seccompProfile": {}}), False),
    ("seccomp-required", _pod(None, os={"name": "windows"}), False),
    ("seccomp-required", _pod(None, os={"name": "linux"}), True),
    ("seccomp-required", _pod(None, os={"name": None}), True),
    # the API refuses a Pod whose annotation and field differ
    ("seccomp-required", _pod(None, None, {f"{SECCOMP}pod": "unconfined"}), False),
    ("seccomp-required", _pod(None, None, {f"{SECCOMP}pod": "localhost/app.json"}), False),
    ("seccomp-required", _pod(None, None, {f"{SECCOMP}pod": "runtime/default"}), True),
    ("seccomp-required", _pod(None, None, {f"{SECCOMP}pod": "docker/default"}), True),
    ("seccomp-required", _pod(None, None, {f"container.{SECCOMP}app": "unconfined"}), True),
    ("no-privilege-escalation", _pod(None), True),
    ("no-privilege-escalation", _pod({"allowPrivilegeEscalation": None}), True),
    ("no-privilege-escalation", _pod({"allowPrivilegeEscalation": True}), False),
    ("no-privilege-escalation", _pod({"allowPrivilegeEscalation": False}), False),
    ("no-privilege-escalation", _pod({"privileged": True}), False),
    ("no-privilege-escalation", _pod({"privileged": False}), True),
    ("no-privilege-escalation", _pod({"capabilities": {"add": ["CAP_SYS_ADMIN"]}}), False),
    ("no-privilege-escalation", _pod({"capabilities": {"add": ["SYS_ADMIN"]}}), False),
    ("no-privilege-escalation", _pod({"capabilities": {"add": ["KILL"]}}), True),
    ("no-privilege-escalation", _pod(None, os={"name": "windows"}), False),
    ("run-as-non-root", _pod(None), False),
    ("run-as-non-root", _pod({"runAsUser": 1000}), True),
    ("run-as-non-root", _pod(None, {"runAsUser": 1000}), True),
    ("run-as-non-root", _pod({"runAsUser": None}, {"runAsUser": 1000}), True),
    ("run-as-non-root", _pod({"runAsUser": 0}, {"runAsUser": 1000}), False),
    ("run-as-non-root", _pod({"runAsUser": 1000}, {"runAsUser": 0}), True),
    ("run-as-non-root", _pod({"runAsUser": 1000, "runAsNonRoot": False}), False),
    ("run-as-non-root", _pod({"runAsUser": 1000}, {"runAsNonRoot": False}), False),
    ("run-as-non-root", _pod({"runAsUser": 1000}, {"runAsNonRoot": True}), False),
    ("run-as-non-root", _pod({"runAsUser": 1000}, hostUsers=False), False),
    ("run-as-non-root", _pod({"runAsGroup": 1000}), False),
    ("run-as-non-root", _pod(None, {"runAsUser": 1000}, os={"name": "windows"}), False),
    ("drop-all-capabilities", _pod(None), False),
    ("drop-all-capabilities", _pod({"runAsNonRoot": True}), True),
    ("drop-all-capabilities", _pod(None, {"runAsNonRoot": True}), True),
    ("drop-all-capabilities", _pod({"runAsNonRoot": False}, {"runAsNonRoot": True}), False),
    ("drop-all-capabilities", _pod({"runAsNonRoot": True, "capabilities": None}), True),
    ("drop-all-capabilities", _pod({"runAsNonRoot": True, "capabilities": {}}), False),
    ("drop-all-capabilities", _pod({"runAsNonRoot": True, "capabilities": {"drop": []}}), False),
    ("drop-all-capabilities", _pod({"runAsUser": 1000}), False),
    ("drop-all-capabilities", _pod(None, {"runAsNonRoot": True}, os={"name": "windows"}), False),
]
PATCHES: dict[str, tuple[str, Json]] = {
    "seccomp-required": ("/spec/securityContext/seccompProfile", {"type": "RuntimeDefault"}),
    "no-privilege-escalation": (f"{APP}/allowPrivilegeEscalation", False),
    "run-as-non-root": (f"{APP}/runAsNonRoot", True),
    "drop-all-capabilities": (f"{APP}/capabilities", {"drop": ["ALL"]}),
}


@pytest.mark.parametrize(("control", "manifest", "is_patched"), TABLE)
def test_a_patch_is_made_under_its_precondition_only(
    control: str,
    manifest: Manifest,
    is_patched: bool,  # noqa: FBT001 -- a column of the table
) -> None:
    before = read_manifest(manifest).pod()
    operations = _mend(manifest, control)
    if not is_patched:
        assert operations == []
        return
    path, value = PATCHES[control]
    assert operations[-1] == Operation(op="add", path=path, value=value)
    assert evaluate(before, _only(control))
    assert not evaluate(read_manifest(manifest).pod(), _only(control))
    assert _mend(manifest, control) == []


def _only(control: str) -> list[ActiveCheck]:
    return [check for check in _patching() if check.id == control]


def test_what_can_be_patched_has_a_row_and_what_cannot_has_none() -> None:
    assert set(PATCHES) == {check.id for check in STANDARDS if check.patchable}
    assert {control for control, _, _ in TABLE} == set(PATCHES)


@pytest.mark.parametrize("parent", [{}, {"securityContext": None}, {"securityContext": {}}])
def test_missing_parents_are_made_once(parent: Mapping[str, Any]) -> None:
    manifest = _pod(None)
    manifest["spec"]["containers"][0] |= parent
    manifest["spec"] |= {"securityContext": {"runAsNonRoot": True}}
    operations = _mend(manifest, "no-privilege-escalation", "drop-all-capabilities")
    made = [] if parent.get("securityContext") is not None else [APP]
    expected = [*made, f"{APP}/allowPrivilegeEscalation", f"{APP}/capabilities"]
    assert _paths(operations) == expected


def test_an_operation_is_a_copy_that_later_ones_leave_alone() -> None:
    document: Json = {}
    first, second, third = assign(
        document,
        [Assignment("/a", {"b": None}), Assignment("/a/b", {"c": 1}), Assignment("/a/d", value=2)],
    )
    assert first == Operation(op="add", path="/a", value={"b": None})
    assert second == Operation(op="add", path="/a/b", value={"c": 1})
    assert third == Operation(op="add", path="/a/d", value=2)
    assert document == {"a": {"b": {"c": 1}, "d": 2}}
    assert apply_patch({}, [first, second, third]) == document


@pytest.mark.parametrize(
    ("document", "pointer", "text"),
    [
        ({"a": 1}, "/a/b", "/a/b can't be set: its parent is no object"),
        ({"a": [1]}, "/a/0", "/a/0 can't be set: its parent is no object"),
        ({"a": []}, "/a/0/b", "/a/0/b can't be set: nothing stands at '0'"),
        ({"a": [{}]}, "/a/x/b", "/a/x/b can't be set: nothing stands at 'x'"),
        ({"a": "text"}, "/a/b/c", "/a/b/c can't be set: nothing stands at 'b'"),
    ],
)
def test_what_cannot_be_set_is_said(document: Json, pointer: str, text: str) -> None:
    with pytest.raises(ManifestError) as error:
        assign(document, [Assignment(pointer, value=1)])
    assert str(error.value) == text


def test_values_that_are_there_stay() -> None:
    written: dict[str, Json] = {
        "seccompProfile": {"type": "Localhost", "localhostProfile": "a.json"},
        "allowPrivilegeEscalation": True,
        "runAsNonRoot": False,
        "runAsUser": 1000,
        "capabilities": {"add": ["KILL"]},
    }
    manifest = _pod(dict(written), {"seccompProfile": {"type": "Unconfined"}})
    assert _mend(manifest, *PATCHES) == []
    assert manifest["spec"]["containers"][0]["securityContext"] == written


def test_one_patch_makes_room_for_the_next() -> None:
    manifest = _pod(None, {"runAsUser": 1000})
    operations = _mend(manifest, "run-as-non-root", "drop-all-capabilities")
    assert _paths(operations) == [APP, f"{APP}/runAsNonRoot", f"{APP}/capabilities"]
    # Without the first there is no room.
    assert _mend(_pod(None, {"runAsUser": 1000}), "drop-all-capabilities") == []


def test_all_patches_make_a_plain_pod_pass_restricted() -> None:
    manifest = _pod(None, {"runAsUser": 1000}, initContainers=[{"name": "prepare"}])
    template, operations = mend(manifest, "", _patching(*PATCHES))
    assert evaluate(Pod(template), _patching()) == []
    assert len(set(_paths(operations))) == len(operations)


def test_two_policies_patch_together() -> None:
    one = _patching("seccomp-required", version=KubeVersion(1, 20))
    two = _patching("seccomp-required", "no-privilege-escalation")
    manifest = _pod(None)
    operations = mend(manifest, "", [*one, *two])[1]
    assert _paths(operations) == [
        "/spec/securityContext",
        "/spec/securityContext/seccompProfile",
        APP,
        f"{APP}/allowPrivilegeEscalation",
    ]


def test_a_template_is_patched_where_it_stands() -> None:
    pod = _pod(None)
    deployment: Json = {"spec": {"template": {"spec": pod["spec"]}}}
    operations = mend(deployment, "/spec/template", _patching("no-privilege-escalation"))[1]
    assert _paths(operations) == [
        f"/spec/template{APP}",
        f"/spec/template{APP}/allowPrivilegeEscalation",
    ]


@pytest.mark.parametrize("control", PATCHES)
def test_a_check_that_does_not_patch_leaves_the_pod_alone(control: str) -> None:
    assert BY_ID[control].patchable
    assert _mend(_pod(None, {"runAsUser": 1000, "runAsNonRoot": None})) == []
