"""spec.network on a real API server: what stands follows the cluster; status says what lacks."""

from collections.abc import Iterator
from typing import Any, Final

import pytest

from e2e.api import Api, wait_for
from e2e.release import Release
from e2e.standing import POLICIES
from e2e.webhook import policy
from tests.support.manifests import container

NAME: Final = "segments"
LABELS: Final = {"segments": "yes"}
_POLICY: Final = f"{POLICIES}/{NAME}"
_SLICES: Final = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"
API_SERVER: Final = "192.0.2.1"
_BINDINGS: Final = "RoleBinding"


@pytest.fixture(scope="module")
def running(release: Release) -> Iterator[Release]:
    """Run the operator; the network needs no webhook."""
    try:
        release.start_operator()
        yield release
    finally:
        release.stop()


@pytest.fixture(scope="module")
def api(running: Release) -> Iterator[Api]:
    """Talk to the API server as its admin; it says where it listens, which on loopback it does not.

    Of such an address it makes no EndpointSlice.
    """
    opened = Api(running.plane)
    assert opened.send("POST", _SLICES, _slice("first", API_SERVER)).is_success
    yield opened
    opened.send("DELETE", f"{_SLICES}/first")
    opened.close()


def _slice(name: str, address: str) -> dict[str, Any]:
    labels = {"kubernetes.io/service-name": "kubernetes"}
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": name, "labels": labels},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [address]}],
        "ports": [{"name": "https", "port": 6443, "protocol": "TCP"}],
    }


@pytest.fixture
def namespace(running: Release) -> Iterator[str]:
    """Give a namespace that policies of these tests select."""
    name = running.plane.create_namespace(LABELS)
    yield name
    running.plane.kubectl("delete", "hardeningpolicy", NAME, "--ignore-not-found")
    running.plane.delete_namespace(name)


def _isolate(running: Release, **network: object) -> None:
    running.plane.apply(policy(NAME, LABELS, network={"mode": "Enforce", **network}))


def _condition(api: Api, kind: str = "NetworkIsolated") -> tuple[str, str, str]:
    found = api.send("GET", _POLICY).body
    generation = found["metadata"]["generation"]
    for each in found.get("status", {}).get("conditions", ()):
        if each["type"] == kind and each.get("observedGeneration") == generation:
            return each["status"], each["reason"], each["message"]
    return "", "", ""


def _specs(api: Api, namespace: str, role: str) -> list[Any]:
    """Return the specs of the NetworkPolicies whose names tell a role."""
    return [
        each["spec"]
        for each in api.items("NetworkPolicy", namespace)
        if each["metadata"]["name"].split("-", 2)[2].startswith(role)
    ]


def _service(name: str, selector: dict[str, str], **port: object) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": selector, "ports": [{"protocol": "UDP", "port": 53, **port}]},
    }


def _pod(name: str, labels: dict[str, str], **spec: object) -> dict[str, Any]:
    metadata = {"name": name, "labels": labels}
    body = {"containers": [container()], **spec}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": body}


def _bind(account: str) -> dict[str, Any]:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": _BINDINGS,
        "metadata": {"name": f"of-{account}"},
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "ClusterRole",
            "name": "view",
        },
        "subjects": [{"kind": "ServiceAccount", "name": account}],
    }


def test_dns_is_where_its_service_leads(running: Release, api: Api, namespace: str) -> None:
    _isolate(running)
    # Before the namespace was seen the policy selects none, and all of that stands; what falls
    # short is not known before all was listed.
    wait_for(lambda: "no Service kube-system/kube-dns" in _condition(api)[2], "told what lacks")
    wait_for(lambda: "stands in 1 namespace" in _condition(api)[2], "told of the namespace")
    assert _condition(api)[:2] == ("True", "Partial")
    [spec] = _specs(api, namespace, "dns")
    assert spec["egress"][0]["to"][0]["podSelector"] == {"matchLabels": {"k8s-app": "kube-dns"}}
    service = _service("kube-dns", {"dns": "core"}, targetPort=5353)
    try:
        made = api.create(service, "kube-system")
        assert made.is_success
        wait_for(lambda: _condition(api)[:2] == ("True", "Written"), "at the Service's own pods")
        [spec] = _specs(api, namespace, "dns")
        pods, addresses = spec["egress"]
        assert pods["to"][0]["podSelector"] == {"matchLabels": {"dns": "core"}}
        assert pods["ports"] == [{"protocol": "UDP", "port": 5353}]
        ip = made.body["spec"]["clusterIP"]
        assert {"ipBlock": {"cidr": f"{ip}/32"}} in addresses["to"]
    finally:
        api.delete(service, "kube-system")
    wait_for(lambda: _condition(api)[:2] == ("True", "Partial"), "told again")


def test_the_api_server_is_open_to_pods_whose_token_is_of_use(
    running: Release, api: Api, namespace: str
) -> None:
    _isolate(running)
    wait_for(lambda: _condition(api)[0] == "True", "isolated")
    running.plane.kubectl("create", "serviceaccount", "reader", f"--namespace={namespace}")
    labels = {"app": "reader", "pod-template-hash": "abc"}
    pod = _pod("reader", labels, serviceAccountName="reader")
    assert api.create(pod, namespace).is_success
    assert api.create(_pod("idle", {"app": "idle"}), namespace).is_success
    assert _specs(api, namespace, "api-server") == []
    assert api.create(_bind("reader"), namespace).is_success
    wait_for(lambda: _specs(api, namespace, "api-server"), "open to the reader")
    [spec] = _specs(api, namespace, "api-server")
    assert spec["podSelector"]["matchLabels"] == {"app": "reader"}
    service = api.send("GET", "/api/v1/namespaces/default/services/kubernetes").body
    assert _blocks(spec) == {f"{API_SERVER}/32", f"{service['spec']['clusterIP']}/32"}
    # Another pod with the same labels, and no token that is of use: no selector tells them apart.
    twin = _pod("twin", labels)
    assert api.create(twin, namespace).is_success
    wait_for(lambda: "no label tells Pod reader from Pod twin" in _condition(api)[2], "told")
    wait_for(lambda: not _specs(api, namespace, "api-server"), "closed")
    api.delete(twin, namespace)
    wait_for(lambda: _specs(api, namespace, "api-server"), "open again")
    running.plane.kubectl("delete", _BINDINGS, "of-reader", f"--namespace={namespace}")
    wait_for(lambda: not _specs(api, namespace, "api-server"), "closed without the binding")


def _blocks(spec: Any) -> set[str]:  # noqa: ANN401 -- any JSON
    return {
        peer["ipBlock"]["cidr"]
        for rule in spec["egress"]
        for peer in rule["to"]
        if "ipBlock" in peer
    }


def test_a_new_address_of_the_api_server_is_followed(
    running: Release, api: Api, namespace: str
) -> None:
    _isolate(running, allow={"apiServer": "All"})
    wait_for(lambda: _specs(api, namespace, "api-server"), "open to all")
    assert api.send("POST", _SLICES, _slice("further", "192.0.2.7")).is_success
    try:
        wait_for(
            lambda: "192.0.2.7/32" in _blocks(_specs(api, namespace, "api-server")[0]), "followed"
        )
    finally:
        api.send("DELETE", f"{_SLICES}/further")
    wait_for(
        lambda: "192.0.2.7/32" not in _blocks(_specs(api, namespace, "api-server")[0]), "forgotten"
    )


def test_other_peoples_policies_that_open_it_are_named(
    running: Release, api: Api, namespace: str
) -> None:
    _isolate(running)
    wait_for(lambda: _condition(api)[0] == "True", "isolated")
    opened = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        # Our label is no disguise.
        "metadata": {"name": "open", "labels": {"app.kubernetes.io/managed-by": "revet"}},
        "spec": {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{}]},
    }
    assert api.create(opened, namespace).is_success
    said = f"{namespace}: NetworkPolicy open opens Ingress (netpol-too-wide)"
    wait_for(lambda: _condition(api) == ("False", "Opened", said), "named")
    api.delete(opened, namespace)
    wait_for(lambda: _condition(api)[0] == "True", "isolated again")
    assert api.create(_pod("node-agent", {}, hostNetwork=True), namespace).is_success
    said = f"{namespace}: Pod node-agent on the host network: no NetworkPolicy holds there"
    wait_for(lambda: said in _condition(api)[2], "told of the pod on the host network")
    assert _condition(api, "NetworkEnforced")[:2] == ("Unknown", "NotProbed")


def test_both_ends_of_a_flow_are_written(running: Release, api: Api, namespace: str) -> None:
    other = running.plane.create_namespace({"segments-other": "yes"})
    there = {"namespaceSelector": {"matchLabels": {"segments-other": "yes"}}}
    flow = {"name": "in", "from": there, "to": {}, "ports": [{"port": 8080}]}
    _isolate(running, flows=[flow])
    wait_for(lambda: f"not that in {other}" in _condition(api)[2], "told that one end lacks")
    [spec] = _specs(api, namespace, "flow-in-to")
    assert spec["ingress"] == [
        {"from": [{**there, "podSelector": {}}], "ports": [{"protocol": "TCP", "port": 8080}]}
    ]
    running.plane.kubectl("label", "namespace", other, "segments=yes")
    wait_for(lambda: _specs(api, other, "flow-in-from-0"), "the other end, too")
    wait_for(lambda: f"not that in {other}" not in _condition(api)[2], "nothing lacks")
    [made] = [
        each
        for each in api.items("NetworkPolicy", other)
        if each["metadata"]["name"].endswith("-flow-in-from-0")
    ]
    notes = made["metadata"]["annotations"]
    assert (notes["revet.dev/policy"], notes["revet.dev/source"]) == (
        NAME,
        "spec.network.flows[in]",
    )
    running.plane.delete_namespace(other)


def test_what_the_cluster_calls_stays_open(running: Release, api: Api, namespace: str) -> None:
    nginx = {"namespaceSelector": {"matchLabels": {"app": "nginx"}}}
    _isolate(running, allow={"ingressControllers": [nginx]})
    wait_for(lambda: _condition(api)[0] == "True", "isolated")
    assert api.create(_service("front", {"app": "web"}, targetPort="dns"), namespace).is_success
    backend = {"service": {"name": "front", "port": {"number": 53}}}
    ingress = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "front"},
        "spec": {"defaultBackend": backend},
    }
    assert api.create(ingress, namespace).is_success
    wait_for(lambda: _specs(api, namespace, "exposed"), "open to ingress controllers")
    [spec] = _specs(api, namespace, "exposed")
    assert spec["podSelector"]["matchLabels"] == {"app": "web"}
    assert spec["ingress"][0]["ports"] == [{"protocol": "UDP", "port": "dns"}]
    webhook = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "called"},
        "webhooks": [
            {
                "name": "called.example.com",
                "clientConfig": {"service": {"namespace": namespace, "name": "front", "port": 53}},
                "admissionReviewVersions": ["v1"],
                "sideEffects": "None",
                "failurePolicy": "Ignore",
            }
        ],
    }
    running.plane.apply(webhook)
    try:
        wait_for(lambda: _specs(api, namespace, "called"), "open to the API server")
        wait_for(lambda: "Service front is open to" in _condition(api)[2], "told from where")
    finally:
        running.plane.kubectl("delete", "validatingwebhookconfiguration", "called")
    wait_for(lambda: not _specs(api, namespace, "called"), "closed")
