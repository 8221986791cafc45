"""Laws that hold for every pod, tried on random ones near the boundaries of the standards."""

import json
from collections.abc import Callable
from copy import deepcopy
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from e2e.pods import Question, questions
from revet.core.check import Finding, Level, Outcome
from revet.core.checks import ALL, BY_ID
from revet.core.engine import ActiveCheck, evaluate, mend, select_level, select_profile
from revet.core.errors import ManifestError
from revet.core.message import plain
from revet.core.model.image_facts import Demand
from revet.core.model.mode import Mode
from revet.core.model.pod import Pod
from revet.core.model.settings import Settings
from revet.core.model.version import KubeVersion
from revet.core.workload import Subject, read
from tests.support.check_files import CheckFile, load_check_files
from tests.support.held import HELD
from tests.support.images import SIGNED
from tests.support.rfc6902 import apply_patch

Manifest = dict[str, Any]

# Derandomized: a run must not fail by chance. The long runs are those of e2e.
law = settings(
    max_examples=80,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)


#: What stands in no manifest by intent, in place of any value.
ABSURD: list[Any] = [
    *(None, True, -1, 0, 10**30, 1.5, "", "\x00", "\ud7ff\U0010ffff", "x" * 100_000, [], {}),
    *([None], [[]], [{}], [1], {"": None}, {"\x00": {}}, {"name": 1}, ["x"] * 1000),
    json.loads("[" * 200 + "]" * 200),
]


def _read(manifest: Manifest, group: str = "", kind: str = "Pod") -> Subject:
    return read(group, kind, json.dumps(manifest).encode())


def _version(question: Question) -> KubeVersion:
    return KubeVersion.parse(question.version)


#: What a policy may set, so that every rule and every patch is tried.
SETTINGS = Settings(
    writable_paths=("/tmp", "/data/cache", "/run"),  # noqa: S108 -- in a container
    registries=("registry.example/", "registry.example.com/"),
    demand=Demand.of(SIGNED),
    held=(HELD,),
)


def _restricted(question: Question, *, patch: bool = False) -> list[ActiveCheck]:
    """Return every check of the version, those that are overridden too."""
    version = _version(question)
    return [
        ActiveCheck(check.id, revision.bind(SETTINGS), Mode.ENFORCE, patch and check.patchable)
        for check in ALL
        if (revision := check.revision(version)) is not None
    ]


def _keys(findings: list[Finding]) -> set[tuple[str, str]]:
    return {(each.control, each.pointer) for each in findings}


@law
@given(questions())
def test_patching_twice_is_patching_once(question: Question) -> None:
    checks = _restricted(question, patch=True)
    once = deepcopy(question.pod)
    template, operations = mend(once, "", checks)
    # Whatever carries the operations out gets the document that we have judged.
    assert apply_patch(question.pod, operations) == once
    assert _read(once).template == template
    twice = deepcopy(once)
    assert mend(twice, "", checks)[1] == []
    assert twice == once


@law
@given(questions())
def test_a_patch_mends_what_it_is_for_and_breaks_nothing(question: Question) -> None:
    checks = _restricted(question, patch=True)
    before = evaluate(_read(question.pod).pod(), checks)
    template, _ = mend(deepcopy(question.pod), "", checks)
    after = evaluate(Pod(template), checks)
    assert _keys(after) <= _keys(before)
    mended = {(each.control, each.pointer) for each in before if each.fix and each.fix.assignments}
    assert not _keys(after) & mended
    assert not any(each.fix and each.fix.assignments for each in after)


@law
@given(questions())
def test_a_patch_only_adds(question: Question) -> None:
    patched = deepcopy(question.pod)
    mend(patched, "", _restricted(question, patch=True))
    assert _keeps(question.pod, patched)


def _keeps(old: object, new: object) -> bool:
    if isinstance(old, dict) and isinstance(new, dict):
        return all(key in new and _keeps(value, new[key]) for key, value in old.items())
    if isinstance(old, list) and isinstance(new, list):
        # What is added to a list comes last.
        return len(old) <= len(new) and all(map(_keeps, old, new))
    return old is None or old == new


@law
@given(questions())
def test_a_template_and_its_pod_agree(question: Question) -> None:
    pod = question.pod
    template = {"metadata": pod["metadata"], "spec": pod["spec"]}
    checks = _restricted(question, patch=True)
    findings = evaluate(_read(pod).pod(), checks)
    operations = mend(deepcopy(pod), "", checks)[1]
    for group, kind, wrap in WRAPS:
        manifest = wrap(template)
        subject = _read(manifest, group, kind)
        assert evaluate(subject.pod(), checks) == findings
        moved = [{**each, "path": subject.prefix + each["path"]} for each in operations]
        assert mend(deepcopy(manifest), subject.prefix, checks)[1] == moved


WRAPS: list[tuple[str, str, Callable[[Manifest], Manifest]]] = [
    ("apps", "Deployment", lambda template: {"spec": {"template": template}}),
    (
        "batch",
        "CronJob",
        lambda template: {"spec": {"jobTemplate": {"spec": {"template": template}}}},
    ),
    ("", "PodTemplate", lambda template: {"template": template}),
]


@law
@given(questions())
def test_restricted_finds_what_baseline_finds(question: Question) -> None:
    version = _version(question)
    subject = _read(question.pod)
    if subject.pod().is_windows or _has_two_sources(question.pod):
        # The API refuses what baseline alone sees there: Linux fields on Windows, two sources.
        return
    restricted = evaluate(subject.pod(), select_level(ALL, Level.RESTRICTED, version))
    found = {each.control for each in restricted}
    found |= {covered for control in found for covered in BY_ID[control].overrides}
    baseline = evaluate(subject.pod(), select_level(ALL, Level.BASELINE, version))
    assert {each.control for each in baseline} <= found


def _has_two_sources(pod: Manifest) -> bool:
    volumes = pod["spec"].get("volumes") or ()
    return any(sum(value is not None for value in volume.values()) > 2 for volume in volumes)


@law
@given(questions())
def test_a_stricter_profile_finds_no_less(question: Question) -> None:
    version = _version(question)
    pod = _read(question.pod).pod()
    # As above; and what drop-net-raw is about, restricted has only from 1.22 on.
    if pod.is_windows or _has_two_sources(question.pod) or version < KubeVersion(1, 22):
        return
    milder: set[str] = set()
    for profile in ("baseline", "restricted", "high"):
        checks = select_profile(ALL, profile, version, {})
        found = {each.control for each in evaluate(pod, checks)}
        covered = {each for control in found for each in BY_ID[control].overrides}
        covered |= {each for control in covered for each in BY_ID[control].overrides}
        assert milder <= found | covered
        milder = found


@law
@given(questions(), st.randoms(use_true_random=False), st.sampled_from(ABSURD))
def test_an_absurd_value_is_an_error_or_a_finding(
    question: Question, random: Random, value: object
) -> None:
    manifest = deepcopy(question.pod)
    place: Any = manifest
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = keys[int(random.random() * len(keys))]
        if not place[key] or not isinstance(place[key], dict | list) or random.random() < 0.1:
            break
        place = place[key]
    place[key] = value
    checks = _restricted(question, patch=True)
    try:
        pod = _read(manifest).pod()
    except ManifestError:
        return
    for finding in evaluate(pod, checks):
        assert plain(finding.message).isprintable()
    mended = deepcopy(manifest)
    operations = mend(mended, "", checks)[1]
    assert apply_patch(manifest, operations) == mended


@law
@given(questions())
def test_judging_is_repeatable_and_in_the_order_of_the_catalog(question: Question) -> None:
    checks = select_profile(ALL, "high", _version(question), {})
    first = evaluate(_read(question.pod).pod(), checks)
    assert evaluate(_read(question.pod).pod(), checks) == first
    order = [each.id for each in checks]
    places = [order.index(each.control) for each in first]
    assert places == sorted(places)


@law
@given(questions())
def test_a_finding_speaks_for_its_own_check_and_points_into_the_pod(question: Question) -> None:
    pod = _read(question.pod).pod()
    for check in _restricted(question):
        for finding in evaluate(pod, [check]):
            assert finding.control == check.id
            places = ("/spec/", "/metadata/annotations/", "/metadata/labels")
            assert finding.pointer.startswith(places)
            assert finding.message
            if finding.outcome is Outcome.UNKNOWN:
                assert BY_ID[check.id].needs
                continue
            assert finding.fix is not None
            assert finding.fix.hint
            assert BY_ID[check.id].patchable or not finding.fix.assignments


# One file of each check, on a Pod. What excuses other violations is left out of it.
BAD = {
    file.check: file
    for file in load_check_files()
    if file.verdict == "fail"
    and file.manifest["kind"] == "Pod"
    and "before" not in file.name
    # Whether a pod breaks these, others decide.
    and not BY_ID[file.check].needs
} | {file.check: file for file in load_check_files() if file.title.endswith("/fail/all-three")}
EXCUSES = ("hostUsers", "os")
LISTS = ("initContainers", "containers", "ephemeralContainers", "volumes")
NEWEST = {
    check.id: ActiveCheck(check.id, check.revisions[-1].bind(SETTINGS), Mode.ENFORCE)
    for check in ALL
    if check.revisions and not check.needs
}


def _bad_pod(file: CheckFile) -> Manifest:
    manifest = file.manifest
    for excuse in EXCUSES:
        manifest["spec"].pop(excuse, None)
    return manifest


def _join(one: Manifest, other: Manifest) -> Manifest:
    """Give the one pod the other's containers and volumes too, and its fields that one leaves out.

    As a sidecar or an injector does.
    """
    joined = deepcopy(one)
    for name, value in other["spec"].items():
        known = joined["spec"].get(name)
        if name in LISTS:
            joined["spec"][name] = [*(known or ()), *value]
        elif isinstance(value, dict):
            joined["spec"][name] = value | (known or {})
        else:
            joined["spec"].setdefault(name, value)
    joined["metadata"] = other["metadata"] | one["metadata"]
    return joined


def _found(manifest: Manifest, *controls: str) -> set[str]:
    pod = _read(manifest).pod()
    return {each.control for each in evaluate(pod, [NEWEST[control] for control in controls])}


@pytest.mark.parametrize("added", BAD.values(), ids=lambda file: file.check)
@pytest.mark.parametrize("base", BAD.values(), ids=lambda file: file.check)
def test_adding_a_violation_removes_no_other(base: CheckFile, added: CheckFile) -> None:
    one, other = _bad_pod(base), _bad_pod(added)
    joined = _join(one, other)
    assert base.check in _found(one, base.check)
    assert _found(one, *NEWEST) | {added.check} <= _found(joined, *NEWEST)
