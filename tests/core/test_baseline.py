"""Pod Security labels: never stricter than the policy, never weaker than what people wrote."""

from typing import Any

import pytest

from revet.core.model.mode import Mode
from revet.core.model.policy import HardeningPolicy
from revet.core.render.baseline import (
    Baseline,
    pod_security,
    restored,
    rewritten,
)
from tests.support.policy_builder import build_policy

ENFORCE, WARN, AUDIT = (
    f"pod-security.kubernetes.io/{mode}" for mode in ("enforce", "warn", "audit")
)
ALL_RESTRICTED = {"enforce": "restricted", "warn": "restricted", "audit": "restricted"}
Labels = dict[str, str]


def _policy(
    pod_security: object,
    name: str = "production",
    mode: str = "Enforce",
    **spec: Any,  # noqa: ANN401 # JSON
) -> HardeningPolicy:
    return build_policy(name, namespaces={"mode": mode, "podSecurity": pod_security}, **spec)


def _pair(label: str, level: str, version: str) -> Labels:
    return {label: level, f"{label}-version": version}


def _render(
    policy: HardeningPolicy, ceiling: Mode = Mode.ENFORCE, live: Labels | None = None
) -> Baseline:
    return pod_security([(policy, ceiling)], live or {}, {})


def test_all_three_are_written_with_their_versions() -> None:
    baseline = _render(_policy(ALL_RESTRICTED), live={"team": "a"})
    assert baseline.labels == {
        # By number: the plugin's latest may be stricter than ours.
        **_pair(ENFORCE, "restricted", "v1.36"),
        **_pair(WARN, "restricted", "latest"),
        **_pair(AUDIT, "restricted", "latest"),
    }
    assert baseline.before == dict.fromkeys(baseline.labels)
    assert (baseline.restore, baseline.reasons) == ({}, {})


def test_the_version_is_the_policys() -> None:
    policy = _policy({"enforce": "baseline", "warn": "restricted"}, standardVersion="v1.30")
    assert _render(policy).labels == {
        **_pair(ENFORCE, "baseline", "v1.30"),
        **_pair(WARN, "restricted", "v1.30"),
    }


@pytest.mark.parametrize("ceiling", [Mode.AUDIT, Mode.WARN])
def test_only_a_ceiling_of_enforce_enforces(ceiling: Mode) -> None:
    baseline = _render(_policy(ALL_RESTRICTED), ceiling)
    assert baseline.labels.keys() == {WARN, f"{WARN}-version", AUDIT, f"{AUDIT}-version"}
    reason = f"enforce is not written: the policy's enforcement is {ceiling.value} here"
    assert baseline.reasons == {"production": reason}


def _set(mode: str, *controls: str) -> list[dict[str, str]]:
    return [{"id": each, "mode": mode} for each in controls]


@pytest.mark.parametrize(
    ("asked", "spec", "level", "reason"),
    [
        ("restricted", {}, "restricted", ""),
        ("baseline", {}, "baseline", ""),
        ("privileged", {}, "privileged", ""),
        ("baseline", {"profile": "baseline"}, "baseline", ""),
        ("restricted", {"profile": "high"}, "restricted", ""),
        (
            "restricted",
            {"controls": _set("Disabled", "run-as-non-root")},
            "baseline",
            "enforce is baseline, not restricted: not fully enforced: run-as-non-root",
        ),
        (
            "restricted",
            {"controls": _set("Warn", "run-as-non-root", "run-as-user-nonzero")},
            "baseline",
            (
                "enforce is baseline, not restricted: not fully enforced: "
                "run-as-non-root, run-as-user-nonzero"
            ),
        ),
        (
            "restricted",
            {"controls": _set("Audit", "host-ports")},
            None,
            "enforce is not written: not fully enforced: host-ports",
        ),
        (
            "baseline",
            {"controls": _set("Audit", "host-ports")},
            None,
            "enforce is not written: not fully enforced: host-ports",
        ),
        # Milder than the one that it covers: that one runs by itself, in Enforce.
        (
            "restricted",
            {"controls": _set("Warn", "volume-types")},
            "baseline",
            "enforce is baseline, not restricted: not fully enforced: volume-types",
        ),
        # Covered by volume-types, though switched off itself.
        ("restricted", {"controls": _set("Disabled", "host-path-volumes")}, "restricted", ""),
        # What the version does not have, the plugin does not ask for.
        (
            "restricted",
            {"standardVersion": "v1.0", "controls": _set("Disabled", "seccomp-required")},
            "restricted",
            "",
        ),
        (
            "restricted",
            {"podSelector": {"matchLabels": {"app": "web"}}},
            None,
            "enforce is not written: podSelector selects some pods, and Pod Security judges all",
        ),
        ("restricted", {"podSelector": {"matchLabels": {}}}, "restricted", ""),
    ],
)
def test_enforce_is_never_stricter_than_the_policy(
    asked: str, spec: dict[str, Any], level: str | None, reason: str
) -> None:
    baseline = _render(_policy({"enforce": asked}, **spec))
    assert baseline.labels.get(ENFORCE) == level
    assert baseline.reasons == ({"production": reason} if reason else {})


def test_warn_and_audit_refuse_nothing_and_may_be_stricter() -> None:
    spec: dict[str, Any] = {
        "controls": _set("Disabled", "host-ports"),
        "podSelector": {"matchLabels": {"a": "b"}},
    }
    labels = _render(_policy(ALL_RESTRICTED, **spec), Mode.AUDIT).labels
    assert (labels[WARN], labels[AUDIT]) == ("restricted", "restricted")
    assert ENFORCE not in labels


@pytest.mark.parametrize(
    "policies",
    [
        [],
        [_policy(ALL_RESTRICTED, mode="Audit")],
        [_policy({})],
        [build_policy(namespaces={"mode": "Enforce"})],
        [build_policy()],
    ],
)
def test_who_asks_for_nothing_gets_nothing(policies: list[HardeningPolicy]) -> None:
    baseline = pod_security([(each, Mode.ENFORCE) for each in policies], {WARN: "baseline"}, {})
    assert baseline == Baseline({}, {}, {}, {})


def test_of_several_policies_the_strictest_counts() -> None:
    mild = _policy({"enforce": "baseline", "warn": "restricted"}, "mild")
    strict = _policy({"enforce": "restricted", "audit": "baseline"}, "strict")
    old = _policy(ALL_RESTRICTED, "old", standardVersion="v1.20")
    for policies in ([mild, strict, old], [old, strict, mild]):
        assert pod_security([(each, Mode.ENFORCE) for each in policies], {}, {}).labels == {
            **_pair(ENFORCE, "restricted", "v1.36"),
            **_pair(WARN, "restricted", "latest"),
            **_pair(AUDIT, "restricted", "v1.20"),
        }
    # One that only audits here does not take part.
    both = pod_security([(mild, Mode.ENFORCE), (strict, Mode.AUDIT)], {}, {})
    assert both.labels[ENFORCE] == "baseline"
    assert both.reasons.keys() == {"strict"}


@pytest.mark.parametrize(
    ("theirs", "asked", "written", "reason"),
    [
        ({ENFORCE: "restricted"}, "baseline", None,
         "enforce stays restricted, which others wrote and is stricter"),
        ({ENFORCE: "restricted"}, "restricted", None, ""),
        (_pair(ENFORCE, "restricted", "v1.99"), "restricted", None, ""),
        (_pair(ENFORCE, "restricted", "v1.20"), "restricted", "restricted", ""),
        ({ENFORCE: "baseline"}, "restricted", "restricted", ""),
        ({ENFORCE: "privileged"}, "baseline", "baseline", ""),
        ({ENFORCE: "baseline"}, "privileged", None,
         "enforce stays baseline, which others wrote and is stricter"),
        ({ENFORCE: "nonsense"}, "baseline", "baseline", ""),
    ],
)  # fmt: skip
def test_what_others_wrote_stays_where_it_is_as_strict(
    theirs: Labels, asked: str, written: str | None, reason: str
) -> None:
    baseline = _render(_policy({"enforce": asked}), live=theirs)
    assert baseline.labels.get(ENFORCE) == written
    assert baseline.reasons == ({"production": reason} if reason else {})
    # What stood there is remembered only where ours takes its place.
    expected = {key: theirs.get(key) for key in (ENFORCE, f"{ENFORCE}-version")}
    assert baseline.before == (expected if written else {})


def _apply(live: Labels, baseline: Baseline) -> Labels:
    """Write as the operator does: what is restored first, then what is ours."""
    after: dict[str, str | None] = {**live, **baseline.restore, **baseline.labels}
    return {key: value for key, value in after.items() if value is not None}


STARTS: list[Labels] = [
    {},
    {"team": "a"},
    {ENFORCE: "baseline"},
    {ENFORCE: "restricted", WARN: "baseline"},
    {**_pair(ENFORCE, "privileged", "v1.20"), **_pair(AUDIT, "restricted", "latest")},
]
STEPS = [
    _policy(ALL_RESTRICTED),
    _policy({"enforce": "baseline"}),
    _policy(ALL_RESTRICTED, podSelector={"matchLabels": {"a": "b"}}),
    _policy({"warn": "privileged", "audit": "baseline"}),
    _policy(ALL_RESTRICTED),
]


@pytest.mark.parametrize("start", STARTS)
def test_once_applied_nothing_is_left_to_do_and_at_the_end_all_is_as_before(start: Labels) -> None:
    live, before = start, dict[str, str | None]()
    for policy in STEPS:
        baseline = pod_security([(policy, Mode.ENFORCE)], live, before)
        live, before = _apply(live, baseline), baseline.before
        again = pod_security([(policy, Mode.ENFORCE)], live, before)
        assert again == Baseline(baseline.labels, before, {}, baseline.reasons)
        assert _apply(live, again) == live
        assert before.keys() == baseline.labels.keys()
    ended = pod_security([], live, before)
    assert ended.labels == {}
    assert ended.restore == restored(live, before)
    assert _apply(live, ended) == start


def test_a_removed_or_weakened_label_of_ours_comes_back() -> None:
    policy = _policy({"enforce": "restricted"})
    before = {ENFORCE: "baseline", f"{ENFORCE}-version": None}
    for live in ({}, {ENFORCE: "privileged"}):
        for foreign in (set[str](), set(live)):
            baseline = pod_security([(policy, Mode.ENFORCE)], live, before, foreign)
            assert baseline.labels == _pair(ENFORCE, "restricted", "v1.36")
            assert baseline.before == before


def test_a_label_of_ours_that_others_made_stricter_is_theirs_now() -> None:
    policy = _policy({"enforce": "baseline"})
    before = {ENFORCE: "privileged", f"{ENFORCE}-version": None}
    live = _pair(ENFORCE, "restricted", "v1.36")
    baseline = pod_security([(policy, Mode.ENFORCE)], live, before, {ENFORCE})
    assert (baseline.labels, baseline.before) == ({}, {})
    assert baseline.restore == {f"{ENFORCE}-version": None}
    ours = pod_security([(policy, Mode.ENFORCE)], live, before)
    assert ours.labels == _pair(ENFORCE, "baseline", "v1.36")


def test_who_wrote_a_label_last_is_in_the_managed_fields() -> None:
    def namespace(**managers: list[str]) -> dict[str, Any]:
        fields = [
            {
                "manager": manager,
                "fieldsV1": {"f:metadata": {"f:labels": {f"f:{label}": {} for label in labels}}},
            }
            for manager, labels in managers.items()
        ]
        labels = {ENFORCE: "restricted", WARN: "baseline"}
        return {"metadata": {"labels": labels, "managedFields": [*fields, {"manager": "x"}]}}

    before = {ENFORCE: None, WARN: None, AUDIT: None}
    assert rewritten(namespace(revet=[ENFORCE, WARN]), before) == frozenset()
    assert rewritten(namespace(revet=[WARN], kubectl=[ENFORCE]), before) == {ENFORCE}
    assert rewritten(namespace(revet=[WARN], kubectl=[ENFORCE]), {WARN: None}) == frozenset()
    assert rewritten({"metadata": {}}, before) == frozenset()


def test_an_annotation_that_others_wrote_changes_no_other_label() -> None:
    before = {"tier": "prod", "team": None, ENFORCE: "baseline"}
    live = {"tier": "dev", "team": "a", ENFORCE: "restricted"}
    assert restored(live, before) == {ENFORCE: "baseline"}
    assert pod_security([], live, before).restore == {ENFORCE: "baseline"}
    baseline = pod_security([(_policy({"enforce": "restricted"}), Mode.ENFORCE)], live, before)
    assert baseline.before == {ENFORCE: "baseline", f"{ENFORCE}-version": None}
    assert baseline.labels.keys() == baseline.before.keys()
    assert baseline.restore == {}
