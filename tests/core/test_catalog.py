"""The catalog of checks keeps the rules that upstream's validateChecks has, and our own."""

import re

import pytest

from revet.core.check import AdjustableRevision, Check, Default, Level, Revision
from revet.core.checks import ALL, BY_ID
from revet.core.engine import Change, select_level, select_profile
from revet.core.item import read_item
from revet.core.kinds import BY_NAME
from revet.core.model.catalog import ALLOWED, CONTROLS, PATCHABLE, SETTINGS
from revet.core.model.mode import Mode
from revet.core.model.pod import Pod, PodTemplateSpec
from revet.core.model.settings import DEFAULT_SETTINGS
from revet.core.model.version import LATEST, KubeVersion
from revet.core.neighbours import NEIGHBOURS

LETTERS = {
    "-": Default.DISABLED,
    "A": Default.AUDIT,
    "W": Default.WARN,
    "P": Default.WARN_PATCH,
    "D": Default.ENFORCE,
    "PD": Default.ENFORCE_PATCH,
}
# Control, upstream's id, and the letters of the profiles baseline, restricted and high.
TABLE = """
privileged-containers   privileged                 D D  D
host-namespaces         hostNamespaces             D D  D
host-path-volumes       hostPathVolumes            D D  D
host-ports              hostPorts                  D D  D
host-probes             hostProbesAndHostLifecycle D D  D
windows-host-process    windowsHostProcess         D D  D
capabilities-baseline   capabilities_baseline      D D  D
apparmor                appArmorProfile            D D  D
selinux-options         seLinuxOptions             D D  D
proc-mount              procMount                  D D  D
seccomp-baseline        seccompProfile_baseline    D D  D
sysctls                 sysctls                    D D  D
volume-types            restrictedVolumes          A D  D
no-privilege-escalation allowPrivilegeEscalation   W PD PD
run-as-non-root         runAsNonRoot               A PD PD
run-as-user-nonzero     runAsUser                  A D  D
seccomp-required        seccompProfile_restricted  P PD PD
drop-all-capabilities   capabilities_restricted    A PD PD
proc-mount-restricted   procMount_restricted       - D  D
"""
ROWS = [line.split() for line in TABLE.strip().splitlines()]
# The controls beyond the standards, and their letters.
BEYOND_TABLE = """
read-only-rootfs          A  W  PD
host-users-userns         -  A  W
automount-sa-token        A  W  D
dedicated-sa              A  W  D
memory-limits             A  W  D
resource-requests         A  W  D
cpu-limits                -  -  A
runtime-socket            D  D  D
host-path-scope           D  D  D
control-plane-placement   A  W  D
secrets-as-env            -  A  W
plaintext-credentials     A  W  W
projected-token-ttl       -  W  D
share-process-namespace   -  W  D
high-uid                  -  -  A
non-root-groups           -  A  W
drop-net-raw              W  -  -
sandbox-runtime           -  -  -
cloud-static-creds        A  W  W
image-registry            W  D  D
image-no-latest           W  D  D
image-digest              A  W  D
image-signature           A  W  D
image-held                -  -  -
psa-labels                W  W  D
netpol-default-deny-ingress A W W
netpol-default-deny-egress  - A W
netpol-pod-coverage       A  W  W
netpol-too-wide           A  W  D
netpol-metadata           -  A  W
limit-range               -  W  W
resource-quota            -  A  A
default-namespace         A  W  D
service-external-ips      D  D  D
service-node-port         A  W  D
service-load-balancer     A  W  D
database-exposure         D  D  D
ingress-tls               W  D  D
gateway-tls               W  D  D
ingress-wildcard          W  W  D
external-name             W  W  D
rbac-cluster-admin        A  W  D
rbac-wildcards            A  W  D
rbac-secrets-read         A  W  D
rbac-workload-write       A  A  W
rbac-exec                 A  W  D
rbac-ephemeral-containers A  W  D
rbac-escalate-bind        W  D  D
rbac-impersonate          W  D  D
rbac-node-proxy           W  D  D
rbac-token-request        W  D  D
rbac-csr                  W  D  D
rbac-admission-config     W  D  D
rbac-namespace-write      A  W  D
rbac-pv-create            A  W  D
rbac-aggregate            W  W  D
rbac-public-subjects      D  D  D
rbac-masters              W  D  D
rbac-default-sa-bound     W  D  D
sa-long-lived-token       W  D  D
"""
BEYOND = [line.split() for line in BEYOND_TABLE.strip().splitlines()]
OVERRIDES = {
    # What a policy's own list may let pass of hostPath, the standards never do.
    "host-path-volumes": ("host-path-scope",),
    "volume-types": ("host-path-volumes", "host-path-scope"),
    "seccomp-required": ("seccomp-baseline",),
    "drop-all-capabilities": ("capabilities-baseline", "drop-net-raw"),
    "proc-mount-restricted": ("proc-mount",),
}


def test_the_catalog_is_the_table() -> None:
    assert [row[0] for row in (*ROWS, *BEYOND)] == [check.id for check in ALL]
    assert [row[1] for row in ROWS] == [check.upstream for check in ALL if check.level is not None]
    assert not any(check.upstream for check in ALL if check.level is None)


@pytest.mark.parametrize(
    ("control", "letters"),
    [(row[0], row[2:]) for row in ROWS] + [(row[0], row[1:]) for row in BEYOND],
)
def test_profiles_do_what_the_letters_say(control: str, letters: list[str]) -> None:
    profiles = BY_ID[control].profiles
    assert [profiles.of(name) for name in ("baseline", "restricted", "high")] == [
        LETTERS[letter] for letter in letters
    ]


@pytest.mark.parametrize(("control", "pattern"), ALLOWED.items())
def test_a_pattern_can_stand_in_a_rule_of_the_api_server(control: str, pattern: str) -> None:
    assert control in BY_ID
    # It stands between quotes there, and RE2 looks neither ahead nor back.
    assert "'" not in pattern
    assert not re.search(r"\(\?[=!<]|\\[1-9]", pattern)
    assert not re.fullmatch(pattern, "")


def test_ids_are_unique_kebab_case_and_the_models() -> None:
    ids = [check.id for check in ALL]
    assert len(set(ids)) == len(ids) == len(BY_ID)
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", each) for each in ids)
    assert tuple(ids) == CONTROLS
    assert tuple(check.id for check in ALL if check.patchable) == PATCHABLE


# What finds something in a pod that says nothing and has no containers.
MUST_SAY = {
    "automount-sa-token",
    "dedicated-sa",
    "host-users-userns",
    "netpol-pod-coverage",
    "sandbox-runtime",
}


def _rule(revision: Revision | AdjustableRevision) -> object:
    return revision.run if isinstance(revision, Revision) else revision.judge


@pytest.mark.parametrize("check", ALL, ids=lambda check: check.id)
def test_a_check_keeps_the_rules(check: Check) -> None:
    versions = [revision.since for revision in check.revisions]
    assert versions == sorted(set(versions))
    assert versions or check.items
    assert check.level is None or not check.items
    assert all(KubeVersion(1, 0) <= version <= LATEST for version in versions)
    # A revision that changes nothing would be a slip.
    assert len({_rule(revision) for revision in check.revisions}) == len(versions)
    assert check.overrides == OVERRIDES.get(check.id, ())
    assert not check.overrides or check.level is not None
    assert all(BY_ID[each].level is not Level.RESTRICTED for each in check.overrides)
    kinds = [kind for rule in check.items for kind in rule.kinds]
    assert len(set(kinds)) == len(kinds)
    assert all(not BY_NAME[kind].holds_pod for kind in kinds)
    assert check.tier in {1, 2, 3}
    assert check.needs <= NEIGHBOURS.keys()
    # Patches are made without a look beside, and what judges no request judges no pod.
    assert not (check.patchable and check.needs)
    assert not (check.standing and check.revisions)
    assert {each.field for each in check.parameters if each.field in SETTINGS} == {
        field for field, readers in SETTINGS.items() if check.id in readers
    }
    # Who patches by default can patch.
    assert check.patchable or not any(default.value[1] for default in check.profiles)
    explanation = check.explanation
    texts = (check.title, explanation.what, explanation.why, explanation.fix, explanation.breaks)
    assert all(text.strip() == text and text for text in texts)
    assert all(text.endswith(".") for text in (explanation.what, explanation.why))


@pytest.mark.parametrize("check", ALL, ids=lambda check: check.id)
def test_the_newest_revision_not_above_the_version_is_run(check: Check) -> None:
    for minor in range(LATEST.minor + 1):
        version = KubeVersion(1, minor)
        expected = [each for each in check.revisions if each.since <= version][-1:]
        assert [each for each in [check.revision(version)] if each is not None] == expected


@pytest.mark.parametrize("check", ALL, ids=lambda check: check.id)
def test_an_empty_object_is_judged_without_error(check: Check) -> None:
    for revision in check.revisions:
        for finding in revision.run(Pod(PodTemplateSpec())):
            # Of a pod without containers nothing is wrong but what it must say.
            assert check.id in MUST_SAY
            assert finding.container is None
    for rule in check.items:
        for kind in rule.kinds:
            item = read_item(BY_NAME[kind].group, kind, b"{}")
            for finding in rule.bind(DEFAULT_SETTINGS)(item):
                assert finding.control == check.id


@pytest.mark.parametrize(
    ("level", "version", "count"),
    [
        # As upstream counts: 12 at baseline, 15 at restricted (7 of its own, 8 not overridden).
        (Level.BASELINE, LATEST, 12),
        (Level.RESTRICTED, LATEST, 15),
        (Level.BASELINE, KubeVersion(1, 33), 11),
        (Level.RESTRICTED, KubeVersion(1, 0), 12),
        (Level.RESTRICTED, KubeVersion(1, 7), 12),
        (Level.RESTRICTED, KubeVersion(1, 8), 13),
        (Level.RESTRICTED, KubeVersion(1, 19), 13),
        (Level.RESTRICTED, KubeVersion(1, 34), 15),
    ],
)
def test_a_level_has_the_checks_of_its_version(
    level: Level, version: KubeVersion, count: int
) -> None:
    active = select_level(ALL, level, version)
    assert len(active) == count
    assert all(check.mode is Mode.ENFORCE and not check.patch for check in active)


Changes = dict[str, tuple[Mode | None, bool | None]]


def _modes(profile: str, changes: Changes, version: KubeVersion = LATEST) -> dict[str, Mode]:
    made = {key: Change(*change) for key, change in changes.items()}
    return {check.id: check.mode for check in select_profile(ALL, profile, version, made)}


@pytest.mark.parametrize(
    ("profile", "changes", "runs"),
    [
        # baseline denies hostPath and only counts the rest of volume-types: both run
        ("baseline", {}, {"host-path-volumes": Mode.ENFORCE, "volume-types": Mode.AUDIT}),
        # as strict as the one that it covers: that one need not run
        ("baseline", {"volume-types": (Mode.ENFORCE, None)}, {"host-path-volumes": None}),
        ("restricted", {}, {"host-path-volumes": None, "volume-types": Mode.ENFORCE}),
        # milder than the one that it covers: both run again
        (
            "restricted",
            {"volume-types": (Mode.WARN, None)},
            {"host-path-volumes": Mode.ENFORCE, "volume-types": Mode.WARN},
        ),
        # switched off it covers nothing
        (
            "restricted",
            {"volume-types": (Mode.DISABLED, None)},
            {"host-path-volumes": Mode.ENFORCE, "volume-types": None},
        ),
        ("restricted", {"sysctls": (Mode.DISABLED, None)}, {"sysctls": None}),
        ("baseline", {"proc-mount-restricted": (Mode.WARN, None)}, {"proc-mount": Mode.ENFORCE}),
    ],
)
def test_an_overridden_check_runs_where_it_is_the_stricter_one(
    profile: str, changes: Changes, runs: dict[str, Mode | None]
) -> None:
    modes = _modes(profile, changes)
    assert {each: modes.get(each) for each in runs} == runs


def test_a_check_that_does_not_exist_yet_covers_nothing() -> None:
    assert "seccomp-baseline" in _modes("restricted", {}, KubeVersion(1, 18))
    assert "seccomp-baseline" not in _modes("restricted", {}, KubeVersion(1, 19))


def test_patching_is_the_profiles_unless_the_policy_says_otherwise() -> None:
    changes = {
        "seccomp-required": Change(None, patch=False),
        "run-as-non-root": Change(Mode.AUDIT),
        "no-privilege-escalation": Change(None, patch=True),
    }
    active = {check.id: check for check in select_profile(ALL, "baseline", LATEST, changes)}
    assert {each for each, check in active.items() if check.patch} == {"no-privilege-escalation"}
    active = {check.id: check for check in select_profile(ALL, "high", LATEST, changes)}
    assert (active["run-as-non-root"].mode, active["run-as-non-root"].patch) == (Mode.AUDIT, True)
