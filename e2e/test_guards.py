"""The guard of namespaces' labels on a real API server: who may relabel, through which door."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from e2e import relabelling
from e2e.cluster.controlplane import ControlPlane
from e2e.crd import install_crd
from e2e.relabelling import DOORS, HOLDER, PLAIN, REFUSED, labels_of, patch
from revet.core.model.meta import POD_SECURITY_ANNOTATION
from revet.core.plan import differs, find_extras
from revet.core.render.guard import NAME, guards

KEYS = ("tier", "example.com/team")
BREAK_GLASS = "break-glass is not supported in this version"
_TIMEOUT_S = 60

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def users(request: pytest.FixtureRequest) -> Iterator[Mapping[str, Path]]:
    """Install the guard, and give kubeconfigs of users without and with the verb."""
    plane: ControlPlane | None = request.getfixturevalue("cluster").control_plane
    if plane is None:
        pytest.skip("makes users by their certificates: REVET_E2E_CLUSTER=local")
    install_crd(plane)
    kubeconfigs = relabelling.sign_in(plane)
    plane.apply(guards(KEYS))
    try:
        _wait_until_guarded(plane, kubeconfigs[PLAIN])
        yield kubeconfigs
    finally:
        for kind in ("validatingadmissionpolicybinding", "validatingadmissionpolicy"):
            plane.kubectl("delete", kind, NAME)
        relabelling.sign_out(plane)


def _wait_until_guarded(plane: ControlPlane, kubeconfig: Path) -> None:
    """Wait until the API server knows the guard; it reads new ones in its own time."""
    name = plane.create_namespace({"tier": "prod"})
    deadline = time.monotonic() + _TIMEOUT_S
    flags = ("--dry-run=server", "--overwrite", f"--kubeconfig={kubeconfig}")
    while True:
        answer = plane.kubectl("label", "namespace", name, "tier=dev", *flags, check=False)
        if REFUSED in answer.stderr:
            plane.delete_namespace(name)
            return
        assert time.monotonic() < deadline, answer.stderr


@pytest.fixture
def place(control_plane: ControlPlane) -> Iterator[str]:
    """Give a namespace with both guarded labels and another one."""
    name = control_plane.create_namespace({"tier": "prod", "example.com/team": "a", "free": "1"})
    yield name
    control_plane.delete_namespace(name)


GUARDED = {"tier": "prod", "example.com/team": "a"}
doors = pytest.mark.parametrize("door", DOORS, ids=["main", "status", "fin"])


@doors
@pytest.mark.parametrize(
    ("change", "keys"),
    [
        ({"tier": None}, ["tier"]),
        ({"tier": "dev"}, ["tier"]),
        ({"example.com/team": ""}, ["example.com/team"]),
        ({"example.com/team": "b", "tier": None}, ["example.com/team", "tier"]),
    ],
)
def test_without_the_right_nobody_relabels(
    control_plane: ControlPlane,
    users: Mapping[str, Path],
    place: str,
    door: str,
    change: dict[str, str | None],
    keys: list[str],
) -> None:
    said = patch(control_plane, users[PLAIN], place, change, door)
    assert "Forbidden" in said
    assert f"by the label {', '.join(keys)}: to change it, {PLAIN} {REFUSED}" in said
    assert labels_of(control_plane, place) == GUARDED | {"free": "1"}


@doors
def test_what_no_policy_selects_by_is_free(
    control_plane: ControlPlane, users: Mapping[str, Path], place: str, door: str
) -> None:
    change = {"free": None, "further": "2"}
    assert patch(control_plane, users[PLAIN], place, change, door) == ""
    assert labels_of(control_plane, place) == GUARDED | {"further": "2"}


@doors
def test_who_holds_the_verb_relabels(
    control_plane: ControlPlane, users: Mapping[str, Path], place: str, door: str
) -> None:
    change = {"tier": None, "example.com/team": "b"}
    assert patch(control_plane, users[HOLDER], place, change, door) == ""
    assert labels_of(control_plane, place) == {"example.com/team": "b", "free": "1"}
    # A label that comes selects as well as one that goes.
    assert REFUSED in patch(control_plane, users[PLAIN], place, {"tier": "prod"}, door)


@doors
def test_break_glass_is_refused_to_everybody(
    control_plane: ControlPlane, users: Mapping[str, Path], place: str, door: str
) -> None:
    change = {"revet.dev/break-glass": ""}
    for kubeconfig in (*users.values(), control_plane.kubeconfig):
        said = patch(control_plane, kubeconfig, place, change, door)
        assert "Forbidden" in said
        assert BREAK_GLASS in said
    assert labels_of(control_plane, place) == GUARDED | {"free": "1"}


def _create(
    plane: ControlPlane, kubeconfig: Path, labels: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    metadata = {"generateName": "e2e-guard-", "labels": dict(labels)}
    manifest = json.dumps({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    flags = ("--dry-run=server", "--filename=-", f"--kubeconfig={kubeconfig}")
    return plane.kubectl("create", *flags, input=manifest, check=False)


def test_a_namespace_may_be_created_with_any_other_label(
    control_plane: ControlPlane, users: Mapping[str, Path]
) -> None:
    for labels in ({}, GUARDED, {"free": "1"}):
        assert _create(control_plane, users[PLAIN], labels).returncode == 0
    for kubeconfig in users.values():
        refused = _create(control_plane, kubeconfig, {"revet.dev/break-glass": "x"})
        assert BREAK_GLASS in refused.stderr


def test_break_glass_may_be_removed_and_stay(
    control_plane: ControlPlane, users: Mapping[str, Path]
) -> None:
    binding = ("validatingadmissionpolicybinding", NAME)
    control_plane.kubectl("delete", *binding)
    try:
        name = _create_open(control_plane)
    finally:
        control_plane.apply(guards(KEYS))
    try:
        _wait_until_guarded(control_plane, users[PLAIN])
        kubeconfig = users[PLAIN]
        assert patch(control_plane, kubeconfig, name, {"free": "1"}, "") == ""
        said = patch(control_plane, kubeconfig, name, {"revet.dev/break-glass": "y"}, "")
        assert BREAK_GLASS in said
        assert patch(control_plane, kubeconfig, name, {"revet.dev/break-glass": None}, "") == ""
        assert labels_of(control_plane, name) == {"free": "1"}
    finally:
        control_plane.delete_namespace(name)


@pytest.mark.parametrize("value", ["{}", None], ids=["changed", "removed"])
def test_what_labels_come_back_is_said_by_us_alone(
    control_plane: ControlPlane, users: Mapping[str, Path], place: str, value: str | None
) -> None:
    note = POD_SECURITY_ANNOTATION
    word = f"the annotation {note} is written by Revet alone"

    def annotate(kubeconfig: Path, text: str | None) -> str:
        change = json.dumps({"metadata": {"annotations": {note: text}}})
        flags = ("--type=merge", f"--patch={change}", f"--kubeconfig={kubeconfig}")
        return control_plane.kubectl("patch", "namespace", place, *flags, check=False).stderr

    lowers = '{"pod-security.kubernetes.io/enforce": "privileged"}'
    for user in (PLAIN, HOLDER):
        assert word in annotate(users[user], lowers)
    assert annotate(control_plane.kubeconfig, lowers) == ""
    assert word in annotate(users[PLAIN], value)
    # What else there is to write is free, beside it.
    assert patch(control_plane, users[PLAIN], place, {"free": "2"}, "") == ""


def _create_open(plane: ControlPlane) -> str:
    """Create a namespace that has the label, once the API server has forgotten the guard."""
    deadline = time.monotonic() + _TIMEOUT_S
    while True:
        answer = _create(plane, plane.kubeconfig, {"revet.dev/break-glass": "x"})
        if answer.returncode == 0:
            return plane.create_namespace({"revet.dev/break-glass": "x"})
        assert time.monotonic() < deadline, answer.stderr


def test_a_live_guard_is_as_rendered(
    control_plane: ControlPlane, users: Mapping[str, Path]
) -> None:
    assert users
    for manifest in guards(KEYS):
        found = control_plane.kubectl("get", manifest["kind"], NAME, "--output=json")
        live = json.loads(found.stdout)
        assert differs(manifest, live) is None
        assert find_extras(manifest, live) == []


def test_the_server_finds_no_fault_with_the_expressions(
    control_plane: ControlPlane, users: Mapping[str, Path]
) -> None:
    assert users
    policy = ("validatingadmissionpolicy", NAME)
    # It checks their types in its own time, and then says of which generation.
    control_plane.kubectl("wait", "--for=jsonpath={.status.observedGeneration}", *policy)
    status = json.loads(control_plane.kubectl("get", *policy, "--output=json").stdout)["status"]
    assert not status["typeChecking"].get("expressionWarnings")


def test_without_a_key_only_break_glass_is_guarded(control_plane: ControlPlane) -> None:
    for manifest in guards(()):
        dry = ("apply", "--server-side", "--dry-run=server", "--force-conflicts", "--filename=-")
        control_plane.kubectl(*dry, input=json.dumps(manifest))
