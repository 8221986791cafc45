"""What is decided on objects that hold no pod, and on templates that admission may still mend."""

import json
from itertools import product

import pytest

from revet.core.admission import Request, judge, patch, read_object
from revet.core.check import Check, Default
from revet.core.compiled_policy import CompiledPolicy, apply
from revet.core.decide import Decision
from revet.core.engine import Change, select_profile
from revet.core.item import Item
from revet.core.kinds import BY_NAME
from revet.core.message import denial, warnings
from revet.core.model.mode import Mode
from revet.core.model.settings import Settings
from revet.core.model.version import LATEST
from tests.support.manifests import pod, workload
from tests.support.own_checks import BAD, CLUSTER_SCOPED, ITEMS, item_check, pod_check
from tests.support.policy_builder import compile_policy

DEFAULTS = {
    "Disabled": Default.DISABLED,
    "Audit": Default.AUDIT,
    "Warn": Default.WARN,
    "Enforce": Default.ENFORCE,
}
MODES = tuple(DEFAULTS)


def _data(kind: str, label: str, **metadata: object) -> bytes:
    return json.dumps({"kind": kind, "metadata": {"labels": {BAD: label}, **metadata}}).encode()


def _request(kind: str, label: str = "all", old: bytes | None = None) -> Request:
    group, data = BY_NAME[kind].group, _data(kind, label, name="web")
    before = None if old is None else read_object(group, kind, old)
    return Request(read_object(group, kind, data), before, data)


def _judge(request: Request, *policies: CompiledPolicy, namespace: str = "shop") -> Decision:
    labels = {"tier": "prod"} if namespace else {}
    return judge(request, apply(policies, namespace, labels, frozenset()))


@pytest.mark.parametrize(("mode", "enforcement"), [*product(MODES, MODES[1:])])
@pytest.mark.parametrize("kind", ITEMS)
def test_a_verdict_is_the_milder_of_mode_and_ceiling(
    kind: str, mode: str, enforcement: str
) -> None:
    catalog = [item_check("all", *ITEMS, default=DEFAULTS[mode])]
    # Its podSelector and its ceiling for templates are about pods only.
    policy = compile_policy(
        selector={},
        catalog=catalog,
        enforcement=enforcement,
        templates="Warn",
        podSelector={"matchLabels": {"app": "other"}},
    )
    place = "" if kind in CLUSTER_SCOPED else "shop"
    decision = _judge(_request(kind), policy, namespace=place)
    expected = min(mode, enforcement, key=MODES.index)
    found = [verdict.mode for verdict in decision.verdicts]
    assert found == ([] if expected == "Disabled" else [Mode(expected)])
    assert _judge(_request(kind, "nothing"), policy, namespace=place).verdicts == ()


def test_only_the_rules_of_its_kind_are_run_on_an_object() -> None:
    policy = compile_policy(
        catalog=[item_check("a", "Service"), item_check("b", "Service", "Role"), pod_check("a")],
        enforcement="Enforce",
    )
    for kind, label, expected in (
        ("Service", "a", ["a"]),
        ("Service", "b", ["b"]),
        ("Role", "b", ["b"]),
        ("Role", "a", []),
        ("Ingress", "a", []),
    ):
        verdicts = _judge(_request(kind, label), policy).verdicts
        assert [each.finding.control for each in verdicts] == expected


def test_every_policy_that_applies_decides() -> None:
    policies = [
        compile_policy(name, selector, catalog=[item_check("all", *ITEMS)], enforcement=mode)
        for name, selector, mode in (
            ("a", {"matchLabels": {"tier": "prod"}}, "Warn"),
            ("b", {}, "Enforce"),
            ("c", {"matchLabels": {"tier": "dev"}}, "Enforce"),
        )
    ]
    found = _judge(_request("Service"), *policies).verdicts
    assert [(each.applied.policy.name, each.mode) for each in found] == [
        ("a", Mode.WARN),
        ("b", Mode.ENFORCE),
    ]
    found = _judge(_request("ClusterRole"), *policies, namespace="").verdicts
    assert [each.applied.policy.name for each in found] == ["b"]


def test_the_messages_name_the_object() -> None:
    policy = compile_policy("prod", {}, catalog=[item_check("all", *ITEMS)], enforcement="Enforce")
    request = _request("ClusterRole")
    decision = _judge(request, policy, namespace="")
    assert denial(request.subject, "", decision) == (
        "ClusterRole web: 1 finding, policy prod (restricted)\n"
        "  all  metadata: ClusterRole is bad, must be good\n"
        "Why, and how to fix it: revet explain all"
    )
    milder = compile_policy("prod", {}, catalog=[item_check("all", *ITEMS)], enforcement="Warn")
    request = _request("Role")
    assert warnings(request.subject, _judge(request, milder)) == [
        "all (prod): metadata: Role is bad, must be good"
    ]


@pytest.mark.parametrize("kind", ITEMS)
def test_an_update_is_judged_where_something_changed_that_is_read(kind: str) -> None:
    policy = compile_policy(selector={}, catalog=[item_check("all", *ITEMS)], enforcement="Enforce")
    place = "" if kind in CLUSTER_SCOPED else "shop"
    unread = _data(kind, "all", name="web", managedFields=[{"manager": "x"}])
    for old, expected in (
        (_data(kind, "all", name="web"), []),
        (unread, []),
        (_data(kind, "nothing", name="web"), ["all"]),
        (_data(kind, "all", name="web", annotations={"a": "b"}), ["all"]),
    ):
        verdicts = _judge(_request(kind, "all", old), policy, namespace=place).verdicts
        assert [each.finding.control for each in verdicts] == expected


def test_nothing_without_a_pod_is_patched() -> None:
    policy = compile_policy(enforcement="Enforce")
    assert patch(_request("Service"), apply([policy], "shop", {"tier": "prod"}, frozenset())) == []


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        (Settings(), ["Service", "Role"]),
        (Settings(allow=frozenset({"Role"})), ["Service"]),
        (Settings(allow=frozenset({"Role", "Service"})), []),
    ],
)
def test_a_rule_is_run_under_the_policys_settings(settings: Settings, found: list[str]) -> None:
    changes = {"all": Change(settings=settings)}
    (active,) = select_profile([item_check("all", *ITEMS)], "high", LATEST, changes)
    rules = dict(active.items)
    items = [_request(kind).subject for kind in ("Service", "Role")]
    findings = [
        (item.kind, finding)
        for item in items
        if isinstance(item, Item)
        for finding in rules[item.kind](item)
    ]
    assert [kind for kind, _ in findings] == found


@pytest.mark.parametrize("templates", ["Warn", "Enforce"])
@pytest.mark.parametrize("mode", MODES[1:])
@pytest.mark.parametrize("defaulted", [True, False])
def test_a_control_that_admission_may_still_mend_refuses_no_template(
    mode: str,
    templates: str,
    defaulted: bool,  # noqa: FBT001 -- a column of the table
) -> None:
    check: Check = pod_check("late", default=DEFAULTS[mode], defaulted=defaulted)
    policy = compile_policy(catalog=[check], enforcement="Enforce", templates=templates)
    for manifest, most in (
        (pod(), "Enforce"),
        (workload("Deployment"), "Warn" if defaulted else templates),
    ):
        labels = {BAD: "late"}
        holder = manifest if manifest["kind"] == "Pod" else manifest["spec"]["template"]
        holder["metadata"] = holder.get("metadata", {}) | {"labels": labels}
        data = json.dumps(manifest).encode()
        group = BY_NAME[manifest["kind"]].group
        request = Request(read_object(group, manifest["kind"], data), None, data)
        (verdict,) = _judge(request, policy).verdicts
        assert verdict.mode is Mode(min(mode, most, key=MODES.index))
        # What an audit of running pods counts is the control's own mode.
        assert verdict.would_deny is (mode == "Enforce")
