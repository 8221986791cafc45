"""The webhook configurations: goldens, and the rules that keep a cluster alive."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import permutations, product
from typing import Any

import pytest
import yaml

from revet.core.compiled_policy import CompiledPolicy
from revet.core.model.meta import BREAK_GLASS_LABEL
from revet.core.model.selector import LabelSelector, compile_selector
from revet.core.render.webhook import (
    SYSTEM_NAMESPACES,
    Backend,
    webhook_configurations,
)
from tests.support.goldens import assert_golden
from tests.support.policy_builder import NAME_LABEL, compile_policy, named, override

Manifest = dict[str, Any]
SERVICE = Backend(ca_pem=b"CA\n")
EXCLUDED = ("revet-system", "calico-system")
OFF = [
    {"id": each, "patch": False}
    for each in (
        "no-privilege-escalation",
        "run-as-non-root",
        "seccomp-required",
        "drop-all-capabilities",
    )
]
SETS: dict[str, Sequence[CompiledPolicy]] = {
    "audit": [compile_policy()],
    "enforce": [compile_policy(enforcement="Enforce")],
    "everywhere": [compile_policy(selector={}, enforcement="Enforce", controls=OFF)],
    "templates-warn": [compile_policy(enforcement="Enforce", templates="Warn", profile="baseline")],
    "overrides": [
        compile_policy(
            enforcementOverrides=[
                override("Enforce", team="payments"),
                override("Enforce", tier="dev"),
                override("Warn", team="shop"),
            ]
        )
    ],
    "system-named": [
        compile_policy("audit", named("kube-system", "shop")),
        compile_policy("enforce", named("kube-public", "shop"), enforcement="Enforce"),
    ],
    "several": [
        compile_policy("a-very-strict", enforcement="Enforce", templates="Warn"),
        compile_policy("baseline-everywhere", {}, "baseline"),
        compile_policy("production", enforcement="Enforce", profile="baseline"),
        compile_policy(
            "written-otherwise",
            {"matchExpressions": [{"key": "tier", "operator": "In", "values": ["prod"]}]},
            enforcement="Warn",
        ),
    ],
}


def _render(policies: Sequence[CompiledPolicy], backend: Backend = SERVICE) -> list[Manifest]:
    return webhook_configurations(policies, backend, EXCLUDED)


def _entries(policies: Sequence[CompiledPolicy]) -> Iterator[tuple[str, Manifest]]:
    for configuration in _render(policies):
        for entry in configuration["webhooks"]:
            yield configuration["kind"], entry


ENTRIES = [(name, *entry) for name, policies in SETS.items() for entry in _entries(policies)]
every_entry = pytest.mark.parametrize(
    ("kind", "entry"),
    [(kind, entry) for _, kind, entry in ENTRIES],
    ids=[f"{name}-{entry['name']}" for name, _, entry in ENTRIES],
)


@pytest.mark.parametrize("name", SETS)
def test_configurations_are_as_in_the_golden(name: str) -> None:
    text = yaml.safe_dump_all(_render(SETS[name]), sort_keys=False, width=1000)
    assert_golden(f"webhook/{name}.yaml", text)


@pytest.mark.parametrize("name", SETS)
def test_rendering_twice_in_any_order_is_rendering_once(name: str) -> None:
    once = _render(SETS[name])
    assert all(_render(each) == once for each in permutations(SETS[name]))
    # Built fresh: who changes a manifest changes no other.
    for configuration in _render(SETS[name]):
        _empty(configuration)
    assert _render(SETS[name]) == once


def _empty(value: object) -> None:
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            _empty(each)
        value.clear()


def test_no_policies_no_configurations() -> None:
    assert webhook_configurations([], SERVICE, EXCLUDED) == []


def _selects(entry: Manifest, namespace: str, **labels: str) -> bool:
    selector = LabelSelector.model_validate_json(json.dumps(entry["namespaceSelector"]))
    return compile_selector(selector)({NAME_LABEL: namespace, **labels})


PLACES: list[Mapping[str, str]] = [
    {},
    {"tier": "prod"},
    {"tier": "prod", "team": "payments"},
    {"tier": "dev"},
]


@every_entry
def test_what_may_refuse_never_selects_a_system_namespace(kind: str, entry: Manifest) -> None:
    may_refuse = entry["failurePolicy"] == "Fail" or kind.startswith("Mutating")
    for namespace in (*SYSTEM_NAMESPACES, *EXCLUDED):
        if may_refuse:
            assert not any(_selects(entry, namespace, **labels) for labels in PLACES)


@every_entry
def test_what_may_refuse_lets_break_glass_through(kind: str, entry: Manifest) -> None:
    assert kind
    if entry["failurePolicy"] == "Fail":
        for labels in PLACES:
            assert not _selects(entry, "shop", **labels, **{BREAK_GLASS_LABEL: ""})


@every_entry
def test_an_entry_asks_for_namespaced_kinds_in_little_time(kind: str, entry: Manifest) -> None:
    assert entry["rules"]
    assert all(rule["scope"] == "Namespaced" for rule in entry["rules"])
    assert all("*" not in rule["resources"] + rule["apiGroups"] for rule in entry["rules"])
    assert entry["namespaceSelector"]["matchExpressions"]
    assert entry["sideEffects"] == "NoneOnDryRun"
    assert entry["matchPolicy"] == "Equivalent"
    fails = entry["failurePolicy"] == "Fail"
    assert entry["timeoutSeconds"] == (5 if fails else 2)
    assert len(entry["name"]) <= 63
    prefix = "patch-" if kind.startswith("Mutating") else "enforce-" if fails else "audit-"
    assert entry["name"].startswith(prefix)


@every_entry
def test_only_what_changes_a_pod_is_asked_about(kind: str, entry: Manifest) -> None:
    conditions = [each["name"] for each in entry.get("matchConditions", ())]
    if kind.startswith("Mutating"):
        assert [rule["operations"] for rule in entry["rules"]] == [["CREATE"]]
        assert [rule["resources"] for rule in entry["rules"]] == [["pods"]]
        assert conditions == []
        return
    expected = ["changes-the-pod"] if "-update-" in entry["name"] else []
    expected += ["not-spared"] if entry["failurePolicy"] == "Ignore" else []
    assert conditions == expected
    # A condition costs about as much as a call, so none is tried where the rule alone tells.
    for rule, resource in ((each, name) for each in entry["rules"] for name in each["resources"]):
        is_filtered = rule["operations"] == ["UPDATE"] and "/" not in resource
        assert is_filtered or rule["operations"] == ["CREATE"] or resource in POD_PARTS
        assert is_filtered is ("changes-the-pod" in conditions)


@pytest.mark.parametrize("name", SETS)
def test_two_entries_of_one_selector_differ_only_in_what_they_take(name: str) -> None:
    validating = [each for kind, each in _entries(SETS[name]) if kind.startswith("Validating")]
    for new, update in zip(validating[::2], validating[1::2], strict=True):
        assert update["name"] == new["name"].replace("-", "-update-", 1)
        differing = {key for key in new.keys() | update.keys() if new.get(key) != update.get(key)}
        assert differing == {"name", "rules", "matchConditions"}
    paths = [each["clientConfig"]["service"]["path"] for each in validating]
    assert len(set(paths)) == len(paths) / 2


def _asked(entries: Iterable[Manifest]) -> list[set[tuple[str, str]]]:
    """Tell what each path is asked about, by all entries that lead there: nothing twice."""
    found: dict[str, list[tuple[str, str]]] = {}
    for entry in entries:
        asked = found.setdefault(entry["clientConfig"]["service"]["path"], [])
        for rule in entry["rules"]:
            asked.extend(product(rule["operations"], rule["resources"]))
    assert all(len(set(asked)) == len(asked) for asked in found.values())
    return [set(asked) for asked in found.values()]


POD_PARTS = {"pods/ephemeralcontainers", "pods/resize"}
PODS = {("CREATE", "pods"), *product(["UPDATE"], {"pods", *POD_PARTS})}
TEMPLATES = {
    *("podtemplates", "replicationcontrollers", "daemonsets", "deployments"),
    *("replicasets", "statefulsets", "cronjobs", "jobs"),
}
WORKLOADS = set(product(["CREATE", "UPDATE"], TEMPLATES))


def _fail(policies: Sequence[CompiledPolicy]) -> list[Manifest]:
    return [
        entry
        for kind, entry in _entries(policies)
        if kind.startswith("Validating") and entry["failurePolicy"] == "Fail"
    ]


def test_a_fail_entry_lists_only_kinds_that_a_control_in_enforce_judges() -> None:
    for name, kinds in {
        "enforce": [PODS | WORKLOADS],
        "templates-warn": [PODS],
        "audit": [],
        "everywhere": [PODS | WORKLOADS],
    }.items():
        assert _asked(_fail(SETS[name])) == kinds


def test_what_no_fail_entry_takes_is_watched() -> None:
    watching = [
        entry for _, entry in _entries(SETS["templates-warn"]) if entry["failurePolicy"] == "Ignore"
    ]
    assert _asked(watching) == [WORKLOADS]
    assert all(_selects(entry, "shop", tier="prod") for entry in watching)


def _watched(policies: Sequence[CompiledPolicy], namespace: str) -> list[set[tuple[str, str]]]:
    return _asked(
        entry
        for _, entry in _entries(policies)
        if entry["failurePolicy"] == "Ignore" and _selects(entry, namespace)
    )


def test_a_system_namespace_is_watched_where_it_is_named() -> None:
    audit, enforce = SETS["system-named"]
    assert _watched([audit], "kube-system") == [PODS | WORKLOADS]
    assert _watched([enforce], "kube-public") == [PODS | WORKLOADS]
    # Named too, but refused there already.
    assert _watched([enforce], "shop") == []
    assert _watched([audit, enforce], "kube-node-lease") == []


def test_naming_no_system_namespace_needs_no_watch() -> None:
    policy = compile_policy(selector=named("shop"), enforcement="Enforce")
    assert [entry["failurePolicy"] for _, entry in _entries([policy])] == ["Fail"] * 3


def test_more_namespaces_can_be_excluded_than_a_policy_may_name() -> None:
    excluded = [f"csi-{number}" for number in range(100)]
    (configuration,) = webhook_configurations([compile_policy()], SERVICE, excluded)
    for entry in configuration["webhooks"]:
        (term,) = entry["namespaceSelector"]["matchExpressions"]
        assert term["values"] == sorted([*excluded, *SYSTEM_NAMESPACES])


def test_policies_with_one_selector_share_an_entry() -> None:
    names = [entry["name"] for _, entry in _entries(SETS["several"])]
    assert len(names) == len(set(names))
    # The templates of one policy and the pods of both: one path takes what either refuses.
    assert _asked(_fail(SETS["several"])) == [PODS | WORKLOADS]


ASKS_LITTLE: Mapping[str, Any] = {"enforcement": "Enforce", "templates": "Warn", "controls": OFF}
# The same entry, of which the one policy wants more kinds than the other.
ASKS_MORE: dict[str, Mapping[str, Any]] = {"audit": {}, "enforce": {"enforcement": "Enforce"}}


@pytest.mark.parametrize("prefix", ASKS_MORE)
@pytest.mark.parametrize("first", ["little", "more"])
def test_a_shared_entry_takes_what_any_of_its_policies_wants(prefix: str, first: str) -> None:
    names = ("a", "b") if first == "little" else ("b", "a")
    policies = [
        compile_policy(names[0], **ASKS_LITTLE),
        compile_policy(names[1], **ASKS_MORE[prefix]),
    ]
    entries = [entry for _, entry in _entries(policies)]
    wanted = [entry for entry in entries if entry["name"].startswith(prefix)]
    assert _asked(wanted) == [PODS | WORKLOADS]
    patches = any(entry["name"].startswith("patch") for entry in entries)
    assert patches is (prefix == "enforce")


def test_policies_with_long_names_get_valid_entries() -> None:
    policies = [compile_policy("a" * 253, enforcement="Enforce")]
    policies += [compile_policy("b" * 253, {}, enforcement="Enforce")]
    names = [entry["name"] for _, entry in _entries(policies)]
    assert len(set(names)) == 6
    assert all(len(name) <= 63 for name in names)


def test_a_url_takes_the_place_of_the_service() -> None:
    configurations = _render(SETS["enforce"], Backend(ca_pem=b"CA", url="https://127.0.0.1:9443"))
    assert [len(each["webhooks"]) for each in configurations] == [2, 1]
    for entry in (entry for each in configurations for entry in each["webhooks"]):
        assert set(entry["clientConfig"]) == {"caBundle", "url"}
        assert entry["clientConfig"]["url"].startswith("https://127.0.0.1:9443/")
        assert entry["clientConfig"]["caBundle"] == "Q0E="
