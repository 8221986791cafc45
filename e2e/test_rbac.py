"""Roles and bindings on a real API server: its own raise no finding, and rules mean what we say."""

import json
import random
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from e2e.api import Api, wait_for
from e2e.cluster.target import Cluster
from revet.core.checks import ALL
from revet.core.item import read_item
from revet.core.model.rbac import PolicyRule
from revet.core.model.settings import DEFAULT_SETTINGS
from revet.core.neighbours import Neighbours, read_neighbour
from revet.core.permissions import Rights, allowed_verbs

RBAC = "rbac.authorization.k8s.io"
KINDS = ("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding")
CHECKS = [check for check in ALL if check.id.startswith("rbac-")]
SEED, RULES = 2_026, 18
VERBS = ("get", "list", "watch", "create", "update", "deletecollection", "impersonate:user-info")
GROUPS = ("", "apps", "certificates.k8s.io")
RESOURCES = ("pods", "pods/exec", "secrets", "deployments", "nodes/proxy", "serviceaccounts/token")
Manifest = dict[str, Any]


@pytest.fixture(scope="module")
def api(cluster: Cluster) -> Iterator[Api]:
    plane = cluster.control_plane
    if plane is None:
        pytest.skip("needs a cluster that nobody has added roles to: REVET_E2E_CLUSTER=local")
    api = Api(plane)
    yield api
    api.close()


@pytest.fixture(scope="module")
def own(api: Api) -> list[Manifest]:
    """Give all roles and bindings that Kubernetes has made, aggregation done."""

    def is_aggregated() -> bool:
        listed = {each["metadata"]["name"]: each for each in api.items("ClusterRole", "")}
        return all(listed[name].get("rules") for name in ("view", "edit", "admin"))

    wait_for(is_aggregated, "aggregation")
    # A list does not say of what its items are.
    return [{"kind": kind, **each} for kind in KINDS for each in api.items(kind, "")]


@pytest.fixture(scope="module")
def around(own: Sequence[Manifest]) -> Neighbours:
    """Give the same as controls ask for them."""
    neighbours = Neighbours(lambda _: True)
    for each in own:
        if not each["kind"].endswith("Binding"):
            neighbours.put(read_neighbour(each["kind"], json.dumps(each).encode()))
    return neighbours


def _findings(manifest: Manifest, around: Neighbours) -> list[tuple[str, str]]:
    item = read_item(RBAC, manifest["kind"], json.dumps(manifest).encode()).within(around)
    return [
        (finding.control, finding.pointer)
        for check in CHECKS
        for rule in check.items
        if item.kind in rule.kinds
        for finding in rule.bind(DEFAULT_SETTINGS)(item)
    ]


def test_what_kubernetes_makes_itself_raises_no_finding(
    own: Sequence[Manifest], around: Neighbours
) -> None:
    assert len(own) > 120
    assert {each["kind"] for each in own} == set(KINDS)
    found = {f"{each['kind']} {each['metadata']['name']}": _findings(each, around) for each in own}
    assert {name: findings for name, findings in found.items() if findings} == {}


def test_it_would_without_its_names(own: Sequence[Manifest], around: Neighbours) -> None:
    """So that the test above proves something: most of the controls find the same rules by it."""
    copies = [each | {"metadata": each["metadata"] | {"name": "copy"}} for each in own]
    found = {control for each in copies for control, _ in _findings(each, around)}
    # What Kubernetes gives to nobody by default, even under its own names.
    assert {check.id for check in CHECKS} - found == {"rbac-default-sa-bound"}


@pytest.mark.parametrize("name", ["cluster-admin", "system:node", "edit", "view"])
def test_of_a_default_role_only_what_was_added_is_found(
    own: Sequence[Manifest], around: Neighbours, name: str
) -> None:
    role = _cluster_role(own, name)
    rules = role["rules"]
    added = {"apiGroups": [""], "resources": ["nodes/proxy"], "verbs": ["get"]}
    found = _findings(role | {"rules": [*rules, added]}, around)
    assert {pointer for _, pointer in found} == {f"/rules/{len(rules)}"}
    assert "rbac-node-proxy" in {control for control, _ in found}


def test_a_copy_of_cluster_admin_is_found(own: Sequence[Manifest], around: Neighbours) -> None:
    role = _cluster_role(own, "cluster-admin")
    copy = role | {"metadata": role["metadata"] | {"name": "superuser"}}
    assert ("rbac-cluster-admin", "/rules/0") in _findings(copy, around)


def _cluster_role(own: Sequence[Manifest], name: str) -> Manifest:
    sought = ("ClusterRole", name)
    (role,) = (each for each in own if (each["kind"], each["metadata"]["name"]) == sought)
    return role


def _random_rules() -> list[Manifest]:
    dice = random.Random(SEED)
    resources = ("*", "pods/*", "*/exec", "*/proxy", "*/*", *RESOURCES)
    return [
        {
            "apiGroups": dice.sample(("*", *GROUPS), dice.choice((1, 1, 2))),
            "resources": dice.sample(resources, dice.choice((1, 2, 3))),
            "verbs": dice.sample(("*", "GET", *VERBS), dice.choice((1, 2, 3))),
            **dice.choice(({}, {}, {"resourceNames": ["one"]}, {"resourceNames": ["", "one"]})),
        }
        for _ in range(RULES)
    ]


def _ask(api: Api, user: str, group: str, resource: str, verb: str) -> bool:
    """Ask the API server's own authorizer, about an object of any name."""
    name, _, subresource = resource.partition("/")
    nameless = not subresource and verb in {"list", "watch", "create", "deletecollection"}
    attributes = {
        "group": group,
        "resource": name,
        "subresource": subresource,
        "verb": verb,
        "name": "" if nameless else "any",
    }
    review = {"kind": "SubjectAccessReview", "apiVersion": "authorization.k8s.io/v1"}
    spec = {"user": user, "resourceAttributes": attributes}
    path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
    answer = api.send("POST", path, review | {"spec": spec})
    assert answer.is_success, answer.message
    return bool(answer.body["status"]["allowed"])


def test_rules_allow_what_the_api_servers_authorizer_says(api: Api, cluster: Cluster) -> None:
    rules = _random_rules()
    manifests: list[Manifest] = []
    for number, rule in enumerate(rules):
        name = f"dice-{number}"
        role = {"apiVersion": f"{RBAC}/v1", "kind": "ClusterRole", "metadata": {"name": name}}
        binding = role | {
            "kind": "ClusterRoleBinding",
            "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": name},
            "subjects": [{"apiGroup": RBAC, "kind": "User", "name": name}],
        }
        manifests += [role | {"rules": [rule]}, binding]
    marker = {"apiGroups": ["marker.example"], "resources": ["x"], "verbs": ["get"]}
    manifests[-2]["rules"].append(marker)
    cluster.apply(manifests)
    last = f"dice-{len(rules) - 1}"
    wait_for(lambda: _ask(api, last, "marker.example", "x", "get"), "roles in force")
    wrong = []
    allowed = 0
    for number, rule in enumerate(rules):
        read = PolicyRule(
            verbs=tuple(rule["verbs"]),
            api_groups=tuple(rule["apiGroups"]),
            resources=tuple(rule["resources"]),
            resource_names=tuple(rule.get("resourceNames", ())),
        )
        for group in GROUPS:
            for resource in RESOURCES:
                ours = set(allowed_verbs(Rights.of(read), group, resource, VERBS))
                allowed += len(ours)
                theirs = {v for v in VERBS if _ask(api, f"dice-{number}", group, resource, v)}
                if ours != theirs:
                    wrong.append((rule, group, resource, ours, theirs))
    cluster.kubectl("delete", "clusterroles,clusterrolebindings", *_names(manifests))
    assert wrong == []
    assert 0.01 < allowed / (len(rules) * len(GROUPS) * len(RESOURCES) * len(VERBS)) < 0.8


def _names(manifests: Sequence[Manifest]) -> list[str]:
    return sorted({each["metadata"]["name"] for each in manifests})


def test_labels_of_a_namespace_are_written_by_its_subresources(api: Api, cluster: Cluster) -> None:
    name = cluster.create_namespace()
    path = f"/api/v1/namespaces/{name}"
    change = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "privileged"}}}
    answer = api.send("PATCH", f"{path}/status", change, "application/merge-patch+json")
    assert answer.is_success, answer.message
    shown = api.send("GET", path).body["metadata"]["labels"]
    assert shown["pod-security.kubernetes.io/enforce"] == "privileged"
    shown["through"] = "finalize"
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": shown}}
    body["spec"] = {"finalizers": ["kubernetes"]}
    assert api.send("PUT", f"{path}/finalize", body).is_success
    assert api.send("GET", path).body["metadata"]["labels"]["through"] == "finalize"
    cluster.delete_namespace(name)
