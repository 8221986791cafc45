"""Which policies judge an object: by what is known of its namespace, and no guess beyond that."""

from collections.abc import Mapping

import pytest

from revet.cli.check.scope import KnownLabels, Namespaces, Scopes, SelectingPolicy, match
from revet.core.compiled_policy import CompiledPolicy
from revet.core.model.selector import LabelSelector
from tests.support.policy_builder import PROD, build_policy, named

Labels = Mapping[str, str]
BETA = {"matchExpressions": [{"key": "beta", "operator": "DoesNotExist"}]}


def _policy(name: str, selector: Mapping[str, object]) -> SelectingPolicy:
    policy = build_policy(name, selector)
    return SelectingPolicy(CompiledPolicy.of(policy), policy.spec.namespace_selector)


def _ask(namespaces: Namespaces, namespace: str, *policies: SelectingPolicy) -> tuple[str, str]:
    scope = Scopes(policies, namespaces).of(namespace)
    applied = ",".join(each.policy.name for each in scope.applied)
    return applied, ",".join(scope.undecided)


def _selector(document: Mapping[str, object]) -> LabelSelector:
    return build_policy("x", document).spec.namespace_selector


@pytest.mark.parametrize(
    ("selector", "labels", "complete", "answer"),
    [
        ({}, {}, False, True),
        (PROD, {}, False, None),
        (PROD, {}, True, False),
        (PROD, {"tier": "prod"}, False, True),
        (PROD, {"tier": "test"}, False, False),
        (BETA, {}, False, None),
        (BETA, {}, True, True),
        (BETA, {"beta": ""}, False, False),
        ({**PROD, **BETA}, {"tier": "prod"}, False, None),
        ({**PROD, **BETA}, {"tier": "test"}, False, False),
        ({**PROD, **BETA}, {"tier": "prod"}, True, True),
    ],
)
def test_only_what_is_known_decides(
    selector: Mapping[str, object], labels: Labels, *, complete: bool, answer: bool | None
) -> None:
    assert match(_selector(selector), KnownLabels(labels, complete)) is answer


def test_an_unknown_namespace_has_its_name() -> None:
    policies = (_policy("by-name", named("shop")), _policy("other", named("bank")))
    assert _ask(Namespaces(), "shop", *policies, _policy("all", {})) == ("by-name,all", "")


def test_what_the_labels_decide_is_undecided_without_them() -> None:
    policies = (_policy("all", {}), _policy("prod", PROD))
    assert _ask(Namespaces(), "shop", *policies) == ("all", "prod")
    namespaces = Namespaces()
    namespaces.add("shop", {"tier": "prod"})
    assert _ask(namespaces, "shop", *policies) == ("all,prod", "")
    assert _ask(namespaces, "bank", *policies) == ("all", "prod")


def test_labels_can_be_given_for_namespaces_that_are_not_there() -> None:
    namespaces = Namespaces({"tier": "prod"})
    namespaces.add("shop", {})
    assert _ask(namespaces, "shop", _policy("prod", PROD)) == ("", "")
    assert _ask(namespaces, "bank", _policy("prod", PROD)) == ("prod", "")


def test_a_namespace_that_is_there_twice_is_known_as_far_as_both_agree() -> None:
    namespaces = Namespaces()
    namespaces.add("shop", {"tier": "prod", "stage": "a"})
    namespaces.add("shop", {"tier": "prod", "stage": "b"})
    policies = (_policy("prod", PROD), _policy("a", {"matchLabels": {"stage": "a"}}))
    assert _ask(namespaces, "shop", *policies) == ("prod", "a")
    assert Scopes(policies, namespaces).of("shop").doubtful


def test_a_namespace_that_is_there_twice_and_the_same_is_known() -> None:
    namespaces = Namespaces()
    for _ in range(2):
        namespaces.add("shop", {"tier": "prod"})
    assert _ask(namespaces, "shop", _policy("beta", BETA)) == ("beta", "")


def test_nobody_writes_a_namespaces_name_but_the_server() -> None:
    namespaces = Namespaces()
    namespaces.add("shop", {"kubernetes.io/metadata.name": "bank"})
    assert _ask(namespaces, "shop", _policy("bank", named("bank"))) == ("", "")


@pytest.mark.parametrize("namespace", ["kube-system", "kube-public", "revet-system"])
def test_system_namespaces_are_selected_by_name_only(namespace: str) -> None:
    policies = (_policy("all", {}), _policy("beta", BETA), _policy("by-name", named(namespace)))
    assert _ask(Namespaces(), namespace, *policies) == ("by-name", "")


def test_what_is_in_no_namespace_is_judged_by_who_selects_all() -> None:
    policies = (_policy("all", {}), _policy("prod", PROD), _policy("by-name", named("shop")))
    assert _ask(Namespaces({"tier": "prod"}), "", *policies) == ("all", "")
