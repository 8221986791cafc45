"""The webhook configurations for kinds without a pod: rules, conditions and scope of each call."""

from collections.abc import Iterable, Sequence
from typing import Any

import pytest
import yaml

from revet.core.compiled_policy import CompiledPolicy
from revet.core.kinds import BY_NAME, KINDS
from revet.core.model.meta import BREAK_GLASS_LABEL
from revet.core.render.webhook import (
    CHANGES_THE_POD,
    Backend,
    webhook_configurations,
)
from tests.support.goldens import assert_golden
from tests.support.own_checks import CLUSTER_SCOPED, ITEMS, NAMESPACED, item_check, pod_check
from tests.support.policy_builder import compile_policy

Manifest = dict[str, Any]
EVERYTHING = item_check("all-kinds", *ITEMS)
BOTH = pod_check("both", items=EVERYTHING.items)


def _render(*policies: CompiledPolicy) -> list[Manifest]:
    configurations = webhook_configurations(policies, Backend(ca_pem=b"CA\n"), ["revet-system"])
    assert [each["kind"] for each in configurations] == ["ValidatingWebhookConfiguration"]
    entries: list[Manifest] = configurations[0]["webhooks"]
    return entries


def _policy(*kinds: str, name: str = "a", everywhere: bool = False) -> CompiledPolicy:
    selector: dict[str, object] = {} if everywhere else {"matchLabels": {"tier": "prod"}}
    catalog = [item_check("own", *kinds)]
    return compile_policy(name, selector, catalog=catalog, enforcement="Enforce")


def _places(rules: Iterable[Manifest]) -> list[tuple[str, str, str]]:
    """Tell (group, resource, scope) of what is asked about, each once."""
    places = [
        (group, resource, rule["scope"])
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    ]
    assert len(set(places)) == len(places)
    return places


def _conditions(entry: Manifest) -> dict[str, str]:
    conditions = {each["name"]: each["expression"] for each in entry["matchConditions"]}
    assert len(conditions) == len(entry["matchConditions"])
    return conditions


@pytest.mark.parametrize("name", ["items", "items-and-pods"])
def test_configurations_are_as_in_the_golden(name: str) -> None:
    catalog = [EVERYTHING if name == "items" else BOTH]
    policy = compile_policy("everywhere", {}, catalog=catalog, enforcement="Enforce")
    text = yaml.safe_dump_all([{"webhooks": _render(policy)}], sort_keys=False, width=1000)
    assert_golden(f"webhook/{name}.yaml", text)


@pytest.mark.parametrize("kind", ITEMS)
def test_each_kind_is_asked_about_where_it_lives(kind: str) -> None:
    known = BY_NAME[kind]
    place = (known.group, known.plural, "Namespaced" if known.is_namespaced else "Cluster")
    entries = _render(_policy(kind, everywhere=True))
    assert all(_places(entry["rules"]) == [place] for entry in entries)
    operations = [rule["operations"] for entry in entries for rule in entry["rules"]]
    # A kind with a condition is judged as it comes, and never again.
    assert operations == ([["CREATE"]] if known.condition else [["CREATE"], ["UPDATE"]])
    for entry in entries:
        assert entry["failurePolicy"] == ("Fail" if known.is_namespaced else "Ignore")
        assert entry["timeoutSeconds"] == (5 if known.is_namespaced else 2)


def test_what_has_no_namespace_is_asked_about_without_a_selector() -> None:
    entries = _render(_policy(*CLUSTER_SCOPED, everywhere=True))
    [key] = {entry["clientConfig"]["service"]["path"].rpartition("/")[2] for entry in entries}
    assert [entry["name"] for entry in entries] == [
        f"cluster-{key}.revet.dev",
        f"cluster-update-{key}.revet.dev",
        f"cluster-namespaces-{key}.revet.dev",
    ]
    for entry in entries:
        assert entry["clientConfig"]["service"]["path"] == f"/cluster/{key}"
        # The API server has one set by default: what is empty selects everything.
        assert entry["namespaceSelector"] == entry["objectSelector"] == {}
        assert _conditions(entry)["not-spared"] == Backend(b"").not_spared


def test_a_policy_for_some_namespaces_is_not_asked_about_what_has_none() -> None:
    places = [place for entry in _render(_policy(*ITEMS)) for place in _places(entry["rules"])]
    assert {scope for _, _, scope in places} == {"Namespaced"}
    for entry in _render(_policy(*ITEMS)):
        terms = entry["namespaceSelector"]["matchExpressions"]
        assert {"key": BREAK_GLASS_LABEL, "operator": "DoesNotExist"} in terms


def test_an_update_is_asked_about_where_a_part_changed_that_is_judged() -> None:
    update = next(each for each in _render(_policy(*NAMESPACED)) if "-update-" in each["name"])
    assert _conditions(update) == {
        "changes-the-pod": CHANGES_THE_POD,
        "changes-spec-annotations": (
            "!(request.kind.kind in ['Service', 'Gateway', 'Ingress'])"
            " || object.?spec != oldObject.?spec"
            " || object.metadata.?annotations != oldObject.metadata.?annotations"
        ),
        "changes-spec": (
            "!(request.kind.kind in ['NetworkPolicy']) || object.?spec != oldObject.?spec"
        ),
        "changes-rules-labels": (
            "!(request.kind.kind in ['Role']) || object.?rules != oldObject.?rules"
            " || object.metadata.?labels != oldObject.metadata.?labels"
        ),
        "changes-subjects": (
            "!(request.kind.kind in ['RoleBinding']) || object.?subjects != oldObject.?subjects"
        ),
    }
    assert "services" in {resource for _, resource, _ in _places(update["rules"])}


def test_every_kind_says_when_an_update_is_judged() -> None:
    """Either parts of it, or the pod in it; all conditions must hold, so each kind is in one."""
    for kind in (each for each in KINDS if each.is_admitted):
        assert bool(kind.judged) + kind.holds_pod + bool(kind.condition) == 1
        assert kind.holds_pod is (f"'{kind.name}'" in CHANGES_THE_POD)
        # An expression error under Fail is a refusal: what may be absent is asked for so.
        assert all("?" in part for part in kind.judged)
        # A webhook takes 64 conditions and names of 63 characters.
        assert len(f"enforce-{kind.plural}-{'0' * 12}.revet.dev") <= 63


@pytest.mark.parametrize("everywhere", [False, True])
def test_of_secrets_only_tokens_are_asked_about(*, everywhere: bool) -> None:
    entries = _render(_policy("Secret", "Service", everywhere=everywhere))
    [secrets] = [each for each in entries if "-secrets-" in each["name"]]
    assert _places(secrets["rules"]) == [("", "secrets", "Namespaced")]
    assert [rule["operations"] for rule in secrets["rules"]] == [["CREATE"]]
    assert _conditions(secrets) == {
        "is-judged": "object.?type.orValue('') == 'kubernetes.io/service-account-token'"
    }
    for entry in entries:
        if entry is not secrets:
            assert "secrets" not in {resource for _, resource, _ in _places(entry["rules"])}
            assert entry["clientConfig"] == secrets["clientConfig"]
            assert entry["name"].replace("-update", "") == secrets["name"].replace("-secrets", "")


def test_a_watched_secret_is_asked_about_under_the_same_condition() -> None:
    policy = compile_policy(catalog=[item_check("own", "Secret")])
    [entry] = _render(policy)
    assert list(_conditions(entry)) == ["is-judged", "not-spared"]
    assert entry["name"].startswith("audit-secrets-")
    assert entry["failurePolicy"] == "Ignore"


def test_policies_with_one_selector_share_the_calls_for_all_their_kinds() -> None:
    entries = _render(
        _policy("Service", "ClusterRole", name="a", everywhere=True),
        _policy("Role", "ClusterRoleBinding", "Secret", name="b", everywhere=True),
    )
    both = _render(
        _policy("Service", "ClusterRole", "Role", "ClusterRoleBinding", "Secret", everywhere=True)
    )
    assert entries == both
    paths = [entry["clientConfig"]["service"]["path"] for entry in entries]
    assert len(set(paths)) == 2


def _asked(entries: Sequence[Manifest], word: str) -> set[str]:
    return {
        resource
        for entry in entries
        if word in entry["name"]
        for _, resource, _ in _places(entry["rules"])
    }


def test_pods_and_other_kinds_go_by_the_same_calls() -> None:
    entries = _render(compile_policy(catalog=[BOTH], enforcement="Enforce", templates="Warn"))
    namespaced = {BY_NAME[kind].plural for kind in NAMESPACED}
    parts = {"pods", "pods/ephemeralcontainers", "pods/resize"}
    templates = {kind.plural for kind in KINDS if kind.holds_pod} - {"pods"}
    assert _asked(entries, "enforce-") == namespaced | parts
    assert _asked(entries, "audit-") == templates
