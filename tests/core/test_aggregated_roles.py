"""ClusterRoles that take in others: their rules where they are seen, unknown where they are not.

In a cluster the rules have been written into the role: those are judged, and nothing twice.
"""

import json
from typing import Any

import pytest

from revet.core.check import Finding
from revet.core.checks import BY_ID
from revet.core.item import Item, read_item
from revet.core.model.settings import DEFAULT_SETTINGS, Settings
from revet.core.neighbours import Neighbours, read_neighbour

Manifest = dict[str, Any]
_RBAC = "rbac.authorization.k8s.io"
ALL_RIGHTS: Manifest = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}
SECRETS: Manifest = {"verbs": ["list"], "apiGroups": [""], "resources": ["secrets"]}
PODS: Manifest = {"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}
COLLECT: Manifest = {"matchLabels": {"collect": "yes"}}
NEEDS = "not checked: needs every ClusterRole that its aggregationRule selects"


def _role(
    name: str, *rules: Manifest, selectors: list[Manifest] | None = None, **labels: str
) -> Manifest:
    found: Manifest = {
        "kind": "ClusterRole",
        "metadata": {"name": name, "labels": labels},
        "rules": list(rules),
    }
    if selectors is not None:
        found["aggregationRule"] = {"clusterRoleSelectors": selectors}
    return found


def _binding(role: str) -> Manifest:
    return {
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "a"},
        "roleRef": {"kind": "ClusterRole", "name": role},
        "subjects": [{"kind": "User", "name": "jane"}],
    }


def _find(
    control: str,
    judged: Manifest,
    *beside: Manifest,
    is_cluster: bool = False,
    settings: Settings = DEFAULT_SETTINGS,
) -> list[tuple[str, str]]:
    around = Neighbours(lambda _: is_cluster, is_cluster=is_cluster)
    for each in beside:
        around.put(read_neighbour(each["kind"], json.dumps(each).encode()))
    item: Item[Any] = read_item(_RBAC, judged["kind"], json.dumps(judged).encode()).within(around)
    found: list[Finding] = []
    for rule in BY_ID[control].items:
        if item.kind in rule.kinds:
            found += rule.judge(item, settings)
    return [(each.pointer, each.message) for each in found]


COLLECTOR = _role("collector", selectors=[COLLECT])


def test_what_a_role_takes_in_is_judged_where_it_is_seen() -> None:
    part, other = _role("part", PODS, SECRETS, collect="yes"), _role("other", ALL_RIGHTS)
    told = "takes in ClusterRole part: allows list on secrets"
    assert _find("rbac-secrets-read", COLLECTOR, COLLECTOR, part, other) == [
        ("/aggregationRule", told)
    ]


def test_what_takes_in_what_takes_in_is_followed_round_and_round() -> None:
    first = _role("first", selectors=[{"matchLabels": {"more": "yes"}}], collect="yes")
    second = _role("second", SECRETS, selectors=[COLLECT], more="yes")
    told = "takes in ClusterRole second: allows list on secrets"
    found = _find("rbac-secrets-read", COLLECTOR, COLLECTOR, first, second)
    assert found == [("/aggregationRule", told)]


@pytest.mark.parametrize(
    "control", ["rbac-secrets-read", "rbac-wildcards", "rbac-cluster-admin", "rbac-exec"]
)
def test_what_is_not_seen_is_unknown_but_in_a_cluster(control: str) -> None:
    unknown = [("/aggregationRule", NEEDS)]
    assert _find(control, COLLECTOR) == unknown
    assert _find(control, COLLECTOR, _role("part", PODS, collect="yes")) == unknown
    assert _find(control, COLLECTOR, is_cluster=True) == []
    assert _find(control, COLLECTOR, settings=Settings(allow=frozenset({"collector"}))) == []
    assert _find(control, _role("plain", PODS)) == []


def test_in_a_cluster_nothing_is_judged_twice() -> None:
    part = _role("part", SECRETS, ALL_RIGHTS, collect="yes")
    filled = _role("collector", SECRETS, ALL_RIGHTS, selectors=[{}])
    assert _find("rbac-secrets-read", filled, filled, part, is_cluster=True) == [
        ("/rules/0", "allows list on secrets"),
        ("/rules/1", "allows get, list, watch on secrets"),
    ]
    told = "allows everything on everything, as cluster-admin does"
    assert _find("rbac-cluster-admin", filled, part, is_cluster=True) == [("/rules/1", told)]


@pytest.mark.parametrize("is_cluster", [True, False])
@pytest.mark.parametrize(
    ("selector", "is_found"),
    [
        ({}, True),
        ({"matchLabels": {"kubernetes.io/bootstrapping": "rbac-defaults"}}, True),
        ({"matchExpressions": [{"key": "a", "operator": "DoesNotExist"}]}, True),
        ({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["b"]}]}, True),
        ({"matchLabels": {"kubernetes.io/bootstrapping": "no"}}, False),
        (COLLECT, False),
    ],
)
def test_who_takes_in_cluster_admin_is_one(
    selector: Manifest, *, is_found: bool, is_cluster: bool
) -> None:
    role = _role("a", selectors=[COLLECT, selector])
    place = ("/aggregationRule/clusterRoleSelectors/1", "takes in cluster-admin")
    assert (place in _find("rbac-cluster-admin", role, is_cluster=is_cluster)) is is_found
    bound = _find("rbac-cluster-admin", _binding("a"), role, is_cluster=is_cluster)
    told = "User jane gets ClusterRole a, which allows everything, must get a role of its own"
    assert (("/subjects/0", told) in bound) is is_found


def test_a_binding_gives_what_its_role_takes_in() -> None:
    part = _role("part", ALL_RIGHTS, collect="yes")
    told = (
        "User jane gets ClusterRole collector, which allows everything, must get a role of its own"
    )
    binding = _binding("collector")
    assert _find("rbac-cluster-admin", binding, COLLECTOR, part) == [("/subjects/0", told)]
    unknown = [("/roleRef/name", "not checked: needs ClusterRole collector")]
    assert _find("rbac-cluster-admin", binding, COLLECTOR) == unknown
    assert _find("rbac-cluster-admin", binding, COLLECTOR, is_cluster=True) == []
