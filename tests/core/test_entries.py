"""Which calls a policy needs: Fail where it may refuse, Ignore for what is left to watch."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from revet.core.compiled_policy import CompiledPolicy
from revet.core.entry import Entry, hash_selector, named_namespaces
from revet.core.kinds import POD, PODS, TEMPLATES
from revet.core.model.selector import LabelSelector, compile_selector
from tests.support.policy_builder import NAME_LABEL, PROD, compile_policy, named, override


def _entries(policy: CompiledPolicy) -> list[Entry]:
    return [entry for _, entry in policy.entries]


def _show(policy: CompiledPolicy) -> list[str]:
    """Write each entry as `fail{team,tier}: pods templates patches`, by what it selects."""
    shown = []
    for entry in _entries(policy):
        selector = entry.selector
        keys = [*selector.match_labels, *(term.key for term in selector.match_expressions)]
        kinds = ["pods"] if POD in entry.kinds else []
        kinds += ["templates"] if entry.kinds >= TEMPLATES else []
        kinds += sorted(entry.kinds - PODS)
        kinds += [name for name in ("patches", "system_only") if getattr(entry, name)]
        where = ",".join(sorted(key.removeprefix("kubernetes.io/metadata.") for key in keys))
        shown.append(f"{'fail' if entry.fail else 'ignore'}{{{where}}}: {' '.join(kinds)}")
    return shown


PATCHABLE = (
    "no-privilege-escalation",
    "run-as-non-root",
    "seccomp-required",
    "drop-all-capabilities",
)
NO_PATCHES = [{"id": each, "patch": False} for each in PATCHABLE]
PAYMENTS = override("Enforce", team="payments")
SYSTEM = named("kube-system")


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        # Nothing to refuse: watched only.
        ({}, ["ignore{tier}: pods templates"]),
        ({"enforcement": "Warn"}, ["ignore{tier}: pods templates"]),
        ({"enforcement": "Enforce"}, ["fail{tier}: pods templates patches"]),
        (
            {"enforcement": "Enforce", "controls": NO_PATCHES},
            ["fail{tier}: pods templates"],
        ),
        # Templates are only warned about: they go by an entry that never refuses.
        (
            {"enforcement": "Enforce", "templates": "Warn"},
            ["fail{tier}: pods patches", "ignore{tier}: templates"],
        ),
        # An override refuses in some of the namespaces, all of them are watched.
        (
            {"enforcementOverrides": [PAYMENTS]},
            ["fail{team,tier}: pods templates patches", "ignore{tier}: pods templates"],
        ),
        (
            {"enforcementOverrides": [PAYMENTS], "templates": "Warn"},
            ["fail{team,tier}: pods patches", "ignore{tier}: pods templates"],
        ),
        (
            {"enforcementOverrides": [override("Warn", team="payments")]},
            ["ignore{tier}: pods templates"],
        ),
        # Each override has its entry, two that say the same share one.
        (
            {"enforcementOverrides": [PAYMENTS, PAYMENTS, override("Enforce", team="shop")]},
            [
                "fail{team,tier}: pods templates patches",
                "fail{team,tier}: pods templates patches",
                "ignore{tier}: pods templates",
            ],
        ),
        # Where the policy enforces everywhere an override adds nothing.
        (
            {"enforcement": "Enforce", "enforcementOverrides": [PAYMENTS]},
            ["fail{tier}: pods templates patches"],
        ),
        # The system namespaces that it names are watched: its Fail entry leaves them out.
        (
            {"enforcement": "Enforce", "selector": SYSTEM},
            [
                "fail{name}: pods templates patches",
                "ignore{name}: pods templates system_only",
            ],
        ),
        (
            {"enforcement": "Enforce", "selector": SYSTEM, "templates": "Warn"},
            [
                "fail{name}: pods patches",
                "ignore{name}: templates",
                "ignore{name}: pods system_only",
            ],
        ),
        ({"selector": SYSTEM}, ["ignore{name}: pods templates"]),
    ],
)
def test_a_policy_has_these_entries(spec: Mapping[str, Any], expected: Sequence[str]) -> None:
    assert _show(compile_policy(**spec)) == expected


ALL_WARN = [
    {"id": check.id, "mode": "Warn", **({"patch": False} if check.id in PATCHABLE else {})}
    for check in compile_policy(profile="baseline").checks
]


def test_without_a_control_in_enforce_nothing_refuses() -> None:
    policy = compile_policy(profile="baseline", enforcement="Enforce", controls=ALL_WARN)
    assert _show(policy) == ["ignore{tier}: pods templates"]


def test_a_patch_alone_needs_the_fail_entry_of_its_twin() -> None:
    controls = [each | {"patch": True} if each["id"] in PATCHABLE else each for each in ALL_WARN]
    policy = compile_policy(profile="baseline", enforcement="Enforce", controls=controls)
    assert _show(policy) == ["fail{tier}: patches", "ignore{tier}: pods templates"]


def test_a_policy_without_controls_needs_no_calls() -> None:
    checks = {each.id for each in compile_policy().checks}
    checks |= {each.id for each in compile_policy(profile="baseline").checks}
    controls = [{"id": each, "mode": "Disabled"} for each in sorted(checks)]
    policy = compile_policy(enforcement="Enforce", controls=controls)
    assert policy.checks == ()
    assert policy.entries == ()


SAME: list[Mapping[str, object]] = [
    {"matchLabels": {"a": "1", "b": "2"}},
    {"matchLabels": {"b": "2", "a": "1"}},
    {
        "matchLabels": {"b": "2"},
        "matchExpressions": [{"key": "a", "operator": "In", "values": ["1"]}],
    },
    {
        "matchExpressions": [
            {"key": "b", "operator": "In", "values": ["2", "2"]},
            {"key": "a", "operator": "In", "values": ["1"]},
        ]
    },
]


def test_the_hash_is_of_what_a_selector_says() -> None:
    hashes = [hash_selector(LabelSelector.model_validate_json(_json(each))) for each in SAME]
    assert len(set(hashes)) == 1
    assert hash_selector(LabelSelector()) not in hashes
    others = [{"matchLabels": {"a": "1"}}, {"matchLabels": {"a": "1", "b": "3"}}, {}]
    assert len({hash_selector(LabelSelector.model_validate_json(_json(o))) for o in others}) == 3


def _json(selector: Mapping[str, object]) -> str:
    return compile_policy(selector=selector).entries[0][1].selector.model_dump_json(by_alias=True)


@pytest.mark.parametrize("enforcement", ["Audit", "Enforce"])
def test_policies_with_one_selector_share_paths(enforcement: str) -> None:
    paths = [
        [entry.path for entry in _entries(compile_policy(name, each, enforcement=enforcement))]
        for name, each in zip("abcd", SAME, strict=True)
    ]
    assert paths == [paths[0]] * 4


@pytest.mark.parametrize(
    "spec",
    [
        {"enforcement": "Enforce", "templates": "Warn", "selector": SYSTEM},
        {"enforcementOverrides": [PAYMENTS, override("Enforce", team="shop")]},
        {"enforcement": "Enforce", "selector": {}},
    ],
)
def test_an_entry_is_named_after_its_selector(spec: Mapping[str, Any]) -> None:
    policy = compile_policy("a" * 253, **spec)
    entries = _entries(policy)
    assert len({entry.path for entry in entries}) == len(entries)
    for entry in entries:
        assert entry.hash == hash_selector(entry.selector, system_only=entry.system_only)
        assert entry.path == f"/{'validate' if entry.fail else 'audit'}/{entry.hash}"
        assert len(entry.path) < 32


def test_an_override_selects_within_its_policy_only() -> None:
    policy = compile_policy(enforcementOverrides=[PAYMENTS])
    matches = compile_selector(_entries(policy)[0].selector)
    assert matches({"tier": "prod", "team": "payments"})
    assert not matches({"team": "payments"})
    assert not matches({"tier": "prod"})


def test_an_override_that_contradicts_its_policy_selects_nothing() -> None:
    policy = compile_policy(enforcementOverrides=[override("Enforce", tier="dev")])
    matches = compile_selector(_entries(policy)[0].selector)
    assert not any(matches({"tier": tier}) for tier in ("prod", "dev"))


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ({}, set()),
        (PROD, set()),
        ({"matchLabels": {NAME_LABEL: "kube-system"}}, {"kube-system"}),
        (named("kube-system", "shop"), {"kube-system", "shop"}),
        (
            {"matchExpressions": [{"key": NAME_LABEL, "operator": "NotIn", "values": ["shop"]}]},
            set(),
        ),
        ({"matchExpressions": [{"key": NAME_LABEL, "operator": "Exists"}]}, set()),
    ],
)
def test_a_selector_names_namespaces_one_by_one(
    selector: Mapping[str, object], names: set[str]
) -> None:
    policy = compile_policy(selector=selector)
    assert policy.named == named_namespaces(_entries(policy)[0].selector) == names
