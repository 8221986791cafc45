"""Services, roles, bindings and Secrets on a real API server: refused, warned of, let pass."""

from collections.abc import Iterator
from typing import Any

import pytest

from e2e.api import Api, wait_for
from e2e.cluster.target import Cluster
from e2e.crd import install_crd
from e2e.webhook import Webhook
from tests.support.manifests import policy

RBAC = "rbac.authorization.k8s.io"
Manifest = dict[str, Any]
POLICIES = [
    policy("front", {"tier": "front"}, enforcement="Enforce", profile="high"),
    policy("roles", {}, enforcement="Enforce", profile="high"),
]
BAD_SERVICE: Manifest = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "db"},
    "spec": {"type": "LoadBalancer", "ports": [{"port": 5432}], "externalIPs": ["192.0.2.7"]},
}
GOOD_SERVICE = BAD_SERVICE | {"spec": {"ports": [{"port": 5432}]}}
RULE = {"apiGroups": [""], "resources": ["nodes/proxy"], "verbs": ["get"]}
EXEC = {"apiGroups": [""], "resources": ["pods/exec"], "verbs": ["create"]}


def _role(name: str, *rules: Manifest, **labels: str) -> Manifest:
    metadata = {"name": name, "labels": {f"{RBAC}/{key}": value for key, value in labels.items()}}
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": "ClusterRole",
        "metadata": metadata,
        "rules": list(rules),
    }


@pytest.fixture(scope="module")
def webhook(cluster: Cluster) -> Iterator[Webhook]:
    plane = cluster.control_plane
    if plane is None:
        pytest.skip("the API server must reach our loopback: REVET_E2E_CLUSTER=local")
    install_crd(plane)
    with Webhook(plane) as running:
        yield running


@pytest.fixture(scope="module")
def api(webhook: Webhook) -> Iterator[Api]:
    api = Api(webhook.plane)
    yield api
    api.close()


@pytest.fixture(scope="module")
def front(webhook: Webhook, api: Api) -> Iterator[str]:
    """Give a namespace that a policy selects; what has no namespace is judged by another."""
    webhook.apply_policies(POLICIES[:1])
    namespace = webhook.plane.create_namespace({"tier": "front"})

    def is_refused() -> bool:
        return api.create(BAD_SERVICE, namespace, dry_run=True).status == 403

    wait_for(is_refused, "entry for Services")
    yield namespace
    webhook.plane.delete_namespace(namespace)


@pytest.fixture
def strict(webhook: Webhook, api: Api) -> None:
    """Have the policy about all namespaces in force."""
    webhook.apply_policies(POLICIES)
    bad = _role("probe", RULE)
    wait_for(lambda: api.create(bad, "", dry_run=True).status == 403, "entry for ClusterRoles")


def test_a_bad_service_is_refused_where_a_policy_selects(
    webhook: Webhook, api: Api, front: str
) -> None:
    refused = api.create(BAD_SERVICE, front)
    assert refused.status == 403
    lines = refused.message.splitlines()
    assert lines[1] == f"Service {front}/db: 3 findings, policy front (high)"
    found = [line.split(maxsplit=1) for line in lines[2:-1] if "fix: " not in line]
    assert found == [
        ["service-external-ips", "spec: externalIPs has 192.0.2.7, must be empty"],
        [
            "service-load-balancer",
            "spec: loadBalancerSourceRanges is not set: the load balancer serves everybody",
        ],
        ["database-exposure", "spec.ports[0]: type LoadBalancer exposes port 5432 (PostgreSQL)"],
    ]
    assert api.create(GOOD_SERVICE, front).is_success
    # A good one does not become a bad one either.
    assert api.patch(GOOD_SERVICE, front, {"spec": {"type": "NodePort"}}).status == 403
    elsewhere = webhook.plane.create_namespace()
    assert api.create(BAD_SERVICE, elsewhere).is_success
    webhook.plane.delete_namespace(elsewhere)


def test_a_token_is_refused_and_no_other_secret_is_seen(
    webhook: Webhook, api: Api, front: str
) -> None:
    annotations = {"kubernetes.io/service-account.name": "default"}
    secret: Manifest = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "ordinary"}}
    token = secret | {
        "metadata": {"name": "token", "annotations": annotations},
        "type": "kubernetes.io/service-account-token",
    }
    assert api.create(secret | {"stringData": {"password": "hunter2"}}, front).is_success
    refused = api.create(token, front)
    assert refused.status == 403
    assert "sa-long-lived-token  type: " in refused.message

    def seen() -> list[str]:
        lines = (line for line in webhook.decisions() if line["namespace"] == front)
        return [line["name"] for line in lines if line["kind"] == "Secret"]

    wait_for(seen, "line of the log")
    assert seen() == ["token"]
    assert webhook.metric("revet_admission_reviews_total", kind="Secret") == 1


@pytest.mark.usefixtures("front", "strict")
def test_roles_and_bindings_of_the_cluster_are_refused(api: Api) -> None:
    refused = api.create(_role("agent", RULE), "", dry_run=True)
    assert "ClusterRole agent: 1 finding, policy roles (high)" in refused.message
    assert "rbac-node-proxy  rules[0]: allows get on nodes/proxy" in refused.message
    binding = {
        "apiVersion": f"{RBAC}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "installer"},
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "name": "installer", "namespace": "shop"}],
    }
    refused = api.create(binding, "", dry_run=True)
    assert refused.status == 403
    assert "subjects[0]: ServiceAccount installer gets cluster-admin" in refused.message


@pytest.mark.usefixtures("front", "strict")
def test_the_api_server_starts_although_a_role_of_its_own_is_bad(
    webhook: Webhook, api: Api
) -> None:
    """It writes missing rules into its roles before it is ready, and dies where that is refused.

    So it does not even ask.
    """
    plane = webhook.plane
    webhook.apply_policies(POLICIES[:1])
    bad = _role("system:kube-scheduler", RULE)  # All of its own rules are missing now.
    before = api.get(bad, "").body["rules"]
    wait_for(lambda: api.patch(bad, "", {"rules": [RULE]}).is_success, "no entry for ClusterRoles")
    webhook.apply_policies(POLICIES)
    wait_for(lambda: api.create(_role("x", RULE), "", dry_run=True).status == 403, "entry")
    api.close()
    plane.stop_apiserver()
    plane.start_apiserver()
    rules = api.get(bad, "").body["rules"]
    assert RULE in rules
    assert len(rules) > 5
    assert all(line["user"] != "system:apiserver" for line in webhook.decisions())
    assert api.patch(bad, "", {"rules": before}).is_success


@pytest.mark.usefixtures("front")
def test_what_is_aggregated_into_a_default_role_is_no_dead_end(webhook: Webhook, api: Api) -> None:
    webhook.apply_policies(POLICIES[:1])
    first = _role("bad-extras", EXEC, **{"aggregate-to-view": "true"})
    wait_for(lambda: api.create(first, "").is_success, "no entry for ClusterRoles")
    webhook.apply_policies(POLICIES)
    wait_for(lambda: api.create(_role("x", RULE), "", dry_run=True).status == 403, "entry")
    thing = {"apiGroups": ["example.com"], "resources": ["things"], "verbs": ["get"]}
    second = _role("good-extras", thing, **{"aggregate-to-view": "true"})
    assert api.create(second, "").is_success
    view = _role("view")
    wait_for(lambda: thing in api.get(view, "").body["rules"], "aggregation into view")
    assert EXEC in api.get(view, "").body["rules"]
    for each in (first, second):
        api.delete(each, "")


@pytest.mark.usefixtures("front", "strict")
def test_a_dead_webhook_lets_roles_pass(webhook: Webhook, api: Api) -> None:
    bad = _role("while-dead", RULE)
    assert api.create(bad, "").status == 403
    webhook.kill()
    assert api.create(bad, "").is_success
    webhook.start()
    wait_for(lambda: api.create(_role("x", RULE), "", dry_run=True).status == 403, "webhook back")
    api.delete(bad, "")
