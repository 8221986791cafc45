"""The clients of a database on a real API server: who may carry their label, by which door."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest

from e2e.api import Answer, Api, wait_for
from e2e.release import Release
from e2e.standing import POLICIES
from e2e.webhook import policy
from tests.support.manifests import WORKLOADS, container, workload

LABEL: Final = "revet.dev/db-client"
TEAM: Final = {"e2e-team": "shop"}
DATABASE: Final = {
    "name": "orders",
    "podSelector": {"matchLabels": {"app": "postgres"}},
    "ports": [{"port": 5432}],
}


def _client(*accounts: str, **selector: object) -> dict[str, Any]:
    return {"namespaceSelector": selector, "serviceAccounts": list(accounts)}


def _database(*clients: Mapping[str, Any], **labels: str) -> dict[str, Any]:
    network = {"mode": "Enforce", "databases": [{**DATABASE, "clients": list(clients)}]}
    return policy("databases", labels or {"e2e-db": "yes"}, network=network)


@pytest.fixture(scope="module")
def api(release: Release) -> Iterator[Api]:
    """Run the operator with one policy, and wait until its guard holds."""
    opened = Api(release.plane)
    try:
        release.start_operator()
        release.plane.apply(_database(_client("api", matchLabels=TEAM)))
        place = release.plane.create_namespace(TEAM)
        wait_for(lambda: _carry(opened, place, "default").status == 403, "guarded", 60)
        release.plane.delete_namespace(place)
        yield opened
    finally:
        opened.close()
        release.stop()


@pytest.fixture
def shop(release: Release, api: Api) -> Iterator[str]:  # noqa: ARG001 -- it must be guarded
    """Give a namespace of the clients' team, with their ServiceAccount."""
    name = release.plane.create_namespace(TEAM)
    release.plane.kubectl("create", "serviceaccount", "api", f"--namespace={name}")
    yield name
    release.plane.delete_namespace(name)


def _pod(account: str, labels: Mapping[str, str]) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "client", "labels": dict(labels)},
        "spec": {"containers": [container()], "serviceAccountName": account},
    }


def _carry(api: Api, namespace: str, account: str, database: str = "orders") -> Answer:
    return api.create(_pod(account, {LABEL: database}), namespace, dry_run=True)


def test_only_who_is_listed_may_carry_the_label(release: Release, api: Api, shop: str) -> None:
    assert _carry(api, shop, "api").is_success
    refused = _carry(api, shop, "default")
    assert refused.status == 403
    said = "is for the clients of that database which HardeningPolicies list"
    account = f"ServiceAccount {shop}/default is none"
    assert f"the label {LABEL}: orders {said}, and {account}" in refused.message
    assert not _carry(api, shop, "api", "others").is_success
    other = release.plane.create_namespace({"e2e-team": "other"})
    assert not _carry(api, other, "api").is_success
    release.plane.delete_namespace(other)


def test_the_label_comes_by_no_other_door(api: Api, shop: str) -> None:
    pod = _pod("default", {"app": "client"})
    assert api.create(pod, shop).is_success
    label = {"metadata": {"labels": {LABEL: "orders"}}}
    for door in ("", "/status"):
        assert api.patch(pod, shop, label, door).status == 403, door
    free = {"metadata": {"labels": {"free": "1"}}}
    assert api.patch(pod, shop, free).is_success
    binding = {
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {"name": "client", "labels": {LABEL: "orders"}},
        "target": {"kind": "Node", "name": "none"},
    }
    bound = api.send("POST", f"/api/v1/namespaces/{shop}/pods/client/binding", binding)
    assert bound.status == 403
    # Who has it may lose it, and be written otherwise.
    client = {
        **_pod("api", {LABEL: "orders"}),
        "metadata": {"name": "c", "labels": {LABEL: "orders"}},
    }
    assert api.create(client, shop).is_success
    assert api.patch(client, shop, free).is_success
    assert api.patch(client, shop, {"metadata": {"labels": {LABEL: "x"}}}).status == 403
    assert api.patch(client, shop, {"metadata": {"labels": {LABEL: None}}}).is_success


@pytest.mark.parametrize("kind", WORKLOADS)
def test_templates_are_asked_the_same(api: Api, shop: str, kind: str) -> None:
    manifest = workload(kind)
    _template(manifest)["metadata"]["labels"][LABEL] = "orders"
    assert api.create(manifest, shop, dry_run=True).status == 403
    _template(manifest)["spec"]["serviceAccountName"] = "api"
    assert api.create(manifest, shop).is_success
    # What runs is written on, whatever policies say by then.
    scaled = {"metadata": {"labels": {"free": "1"}}}
    assert api.patch(manifest, shop, scaled).is_success


def _template(manifest: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = manifest
    if manifest["kind"] == "PodTemplate":
        return found["template"]  # type: ignore[no-any-return] # any JSON
    if manifest["kind"] == "CronJob":
        found = manifest["spec"]["jobTemplate"]
    return found["spec"]["template"]  # type: ignore[no-any-return] # any JSON


def test_no_policy_lets_in_whom_another_keeps_out(release: Release, api: Api, shop: str) -> None:
    further = _database(
        _client("default", matchExpressions=[{"key": "e2e-team", "operator": "Exists"}])
    )
    further["metadata"]["name"] = "further"
    further["spec"]["namespaceSelector"] = {"matchLabels": {"e2e-db": "further"}}
    release.plane.apply(further)
    try:
        wait_for(lambda: not _carry(api, shop, "api").is_success, "kept out by the other")
        assert not _carry(api, shop, "default").is_success
    finally:
        release.plane.kubectl("delete", "hardeningpolicy", "further")
    wait_for(lambda: _carry(api, shop, "api").is_success, "let in again")


def test_the_labels_of_clients_namespaces_are_guarded(release: Release, api: Api) -> None:
    guard = (
        "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/revet-namespace-labels"
    )
    found = api.send("GET", guard).body
    assert "'e2e-team'" in found["spec"]["variables"][0]["expression"]
    release.operator.stop()
    try:
        place = release.plane.create_namespace()
        assert not _carry(api, place, "default").is_success
        release.plane.delete_namespace(place)
    finally:
        release.start_operator()


def test_who_carried_it_before_is_named(release: Release, api: Api, shop: str) -> None:
    # Killed first: it would put the guard back at once.
    release.operator.kill()
    release.plane.kubectl("delete", "validatingadmissionpolicybinding", "revet-database-clients")
    path = f"{POLICIES}/databases"
    try:
        wait_for(lambda: _carry(api, shop, "default").is_success, "unguarded", 60)
        assert api.create(_pod("default", {LABEL: "orders"}), shop).is_success
    finally:
        release.start_operator()
    place = release.plane.create_namespace({"e2e-db": "yes"})
    said = f"Pod {shop}/client of ServiceAccount default, which is not listed, has its label"

    def told() -> bool:
        conditions = api.send("GET", path).body.get("status", {}).get("conditions", ())
        return any(said in each["message"] for each in conditions)

    wait_for(told, "named", 60)
    release.plane.delete_namespace(place)
