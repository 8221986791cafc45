"""What containers inherit from the pod, which containers count, and who is exempt: the grids."""

from collections.abc import Mapping
from itertools import product
from typing import Any

import pytest

from revet.core.check import Finding
from revet.core.checks import ALL, BY_ID
from revet.core.engine import Change, mend, select_profile
from revet.core.model.mode import Mode
from revet.core.model.version import LATEST, KubeVersion
from tests.support.check_files import read_manifest
from tests.support.standards import STANDARDS

Manifest = dict[str, Any]
Context = Mapping[str, Any]


def _pod(spec: Mapping[str, Any], pod: Context | None, *containers: Context | None) -> Manifest:
    listed = [
        {"name": f"c{index}"} | ({} if context is None else {"securityContext": context})
        for index, context in enumerate(containers)
    ]
    shared = {} if pod is None else {"securityContext": pod}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web"},
        "spec": {"containers": listed, **shared, **spec},
    }


def _find(control: str, manifest: Manifest, version: KubeVersion = LATEST) -> list[Finding]:
    revision = BY_ID[control].revision(version)
    return [] if revision is None else list(revision.run(read_manifest(manifest).pod()))


# Control: what "good" and "bad" are, and whether a value is required.
VALUES: dict[str, tuple[Context, Context, bool]] = {
    "run-as-non-root": ({"runAsNonRoot": True}, {"runAsNonRoot": False}, True),
    "run-as-user-nonzero": ({"runAsUser": 1000}, {"runAsUser": 0}, False),
    "seccomp-baseline": (
        {"seccompProfile": {"type": "RuntimeDefault"}},
        {"seccompProfile": {"type": "Unconfined"}},
        False,
    ),
    "seccomp-required": (
        {"seccompProfile": {"type": "Localhost"}},
        {"seccompProfile": {"type": "Unconfined"}},
        True,
    ),
    "apparmor": (
        {"appArmorProfile": {"type": "RuntimeDefault"}},
        {"appArmorProfile": {"type": "Unconfined"}},
        False,
    ),
    "selinux-options": (
        {"seLinuxOptions": {"type": "container_t"}},
        {"seLinuxOptions": {"type": "spc_t"}},
        False,
    ),
    "windows-host-process": (
        {"windowsOptions": {"hostProcess": False}},
        {"windowsOptions": {"hostProcess": True}},
        False,
    ),
}
# (pod's value, container's value): where there are findings, of controls that want a value and of
# those that only forbid one. A bad value on the pod is found even if every container overrides it.
TRUTH: dict[tuple[str, str], tuple[str, str]] = {
    ("absent", "absent"): ("container", ""),
    ("absent", "good"): ("", ""),
    ("absent", "bad"): ("container", "container"),
    ("good", "absent"): ("", ""),
    ("good", "good"): ("", ""),
    ("good", "bad"): ("container", "container"),
    ("bad", "absent"): ("pod", "pod"),
    ("bad", "good"): ("pod", "pod"),
    ("bad", "bad"): ("pod container", "pod container"),
}


@pytest.mark.parametrize("control", VALUES)
@pytest.mark.parametrize("values", TRUTH, ids="-".join)
def test_a_value_is_inherited_and_a_bad_one_found_where_it_stands(
    control: str, values: tuple[str, str]
) -> None:
    good, bad, is_required = VALUES[control]
    contexts = {"absent": None, "good": good, "bad": bad}
    findings = _find(control, _pod({}, *(contexts[value] for value in values)))
    places = ["pod" if each.container is None else "container" for each in findings]
    assert " ".join(places) == TRUTH[values][0 if is_required else 1]
    for each in findings:
        start = "/spec/securityContext/" if each.container is None else "/spec/containers/0/"
        assert each.pointer.startswith(start)


def test_each_container_inherits_for_itself() -> None:
    pod = _pod({}, None, {"runAsNonRoot": True}, None, {"runAsNonRoot": False})
    assert [each.container for each in _find("run-as-non-root", pod)] == ["c2", "c1"]


LISTS = ("initContainers", "containers", "ephemeralContainers")
GOOD: Context = {
    "runAsNonRoot": True,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
BAD_CONTAINERS: dict[str, Manifest] = {
    "privileged-containers": {"securityContext": {"privileged": True}},
    "host-ports": {"ports": [{"containerPort": 80, "hostPort": 80}]},
    "host-probes": {"livenessProbe": {"tcpSocket": {"port": 80, "host": "example.com"}}},
    "windows-host-process": {"securityContext": {"windowsOptions": {"hostProcess": True}}},
    "capabilities-baseline": {"securityContext": {"capabilities": {"add": ["BPF"]}}},
    "apparmor": {"securityContext": {"appArmorProfile": {"type": "Unconfined"}}},
    "selinux-options": {"securityContext": {"seLinuxOptions": {"user": "root"}}},
    "proc-mount": {"securityContext": {"procMount": "Unmasked"}},
    "seccomp-baseline": {"securityContext": {"seccompProfile": {"type": "Unconfined"}}},
    "no-privilege-escalation": {"securityContext": {}},
    "run-as-non-root": {"securityContext": {}},
    "run-as-user-nonzero": {"securityContext": {"runAsUser": 0}},
    "seccomp-required": {"securityContext": {}},
    "drop-all-capabilities": {"securityContext": {}},
    "proc-mount-restricted": {"securityContext": {"procMount": "Unmasked"}},
}
OF_THE_POD = {"host-namespaces", "host-path-volumes", "sysctls", "volume-types"}


def test_every_control_of_containers_is_in_the_grid() -> None:
    assert set(BAD_CONTAINERS) | OF_THE_POD == {each.id for each in STANDARDS}


@pytest.mark.parametrize("kind", LISTS)
@pytest.mark.parametrize("control", BAD_CONTAINERS)
def test_every_kind_of_container_counts(control: str, kind: str) -> None:
    lists = {each: [{"name": f"good-{each}", "securityContext": GOOD}] for each in LISTS}
    lists[kind] = [*lists[kind], {"name": "bad", **BAD_CONTAINERS[control]}]
    manifest = _pod({}, None)
    manifest["spec"] |= lists
    (finding,) = _find(control, manifest)
    assert finding.container == "bad"
    assert finding.pointer.startswith(f"/spec/{kind}/1/")


# Control: the bad value, and the version from which hostUsers: false excuses it.
USER_NAMESPACE: dict[str, tuple[Context, int | None]] = {
    "run-as-non-root": ({"runAsNonRoot": False}, 35),
    "run-as-user-nonzero": ({"runAsUser": 0}, 35),
    "proc-mount": ({"procMount": "Unmasked"}, 35),
    "proc-mount-restricted": ({"procMount": "Unmasked"}, None),
    "privileged-containers": ({"privileged": True}, None),
    "no-privilege-escalation": ({}, None),
    "seccomp-required": ({}, None),
    "drop-all-capabilities": ({}, None),
}


@pytest.mark.parametrize("control", USER_NAMESPACE)
@pytest.mark.parametrize("host_users", [None, True, False])
def test_a_user_namespace_excuses_root_from_1_35(control: str, host_users: bool | None) -> None:  # noqa: FBT001 -- the field's value
    context, since = USER_NAMESPACE[control]
    for minor in range(LATEST.minor + 1):
        version = KubeVersion(1, minor)
        exists = BY_ID[control].revision(version) is not None
        is_excused = host_users is False and since is not None and minor >= since
        spec = {} if host_users is None else {"hostUsers": host_users}
        assert bool(_find(control, _pod(spec, None, context), version)) == (
            exists and not is_excused
        )


EXEMPT_ON_WINDOWS = {"no-privilege-escalation", "seccomp-required", "drop-all-capabilities"}


@pytest.mark.parametrize("control", BAD_CONTAINERS)
@pytest.mark.parametrize("system", ["windows", "linux", "Windows", ""])
def test_windows_is_exempt_from_three_controls_from_1_25(control: str, system: str) -> None:
    manifest = _pod({"os": {"name": system}}, None)
    manifest["spec"]["containers"] = [{"name": "app", **BAD_CONTAINERS[control]}]
    for minor in range(LATEST.minor + 1):
        version = KubeVersion(1, minor)
        # Before 1.19 seccomp-baseline reads annotations only.
        exists = BY_ID[control].revision(version) is not None and not (
            control == "seccomp-baseline" and minor < 19
        )
        is_exempt = system == "windows" and control in EXEMPT_ON_WINDOWS and minor >= 25
        assert bool(_find(control, manifest, version)) == (exists and not is_exempt)


@pytest.mark.parametrize(
    ("version", "context"),
    [
        *product(
            (KubeVersion(1, 24), KubeVersion(1, 25), LATEST),
            ({}, {"runAsNonRoot": True}, {"windowsOptions": {"runAsUserName": "ContainerUser"}}),
        )
    ],
)
def test_windows_is_never_patched(version: KubeVersion, context: Context) -> None:
    checks = select_profile(
        ALL,
        "restricted",
        version,
        {check.id: Change(Mode.ENFORCE, check.patchable) for check in ALL},
    )
    manifest = _pod({"os": {"name": "windows"}}, {"runAsUser": 1000}, context, None)
    assert mend(manifest, "", checks)[1] == []
