"""Where Cilium is: CiliumNetworkPolicies beside ours, from when its kind is served until it is not.

Cilium itself does not run here. Its definition is cut down to what we write, with the same fields.
"""

from collections.abc import Iterator
from typing import Any, Final

import pytest

from e2e.api import Api, wait_for
from e2e.release import Release
from e2e.webhook import policy

NAME: Final = "beside-cilium"
LABELS: Final = {"cilium": "yes"}
_CRD: Final = "ciliumnetworkpolicies.cilium.io"
_SLICES: Final = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"
_TEXT: Final = {"type": "string"}
_ENTITIES: Final = {"type": "array", "items": {"type": "string", "enum": ["kube-apiserver"]}}


def _object(**properties: object) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def _list(items: object) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _definition() -> dict[str, Any]:
    expression = _object(key=_TEXT, operator=_TEXT, values=_list(_TEXT))
    labels = {"type": "object", "additionalProperties": _TEXT}
    selector = _object(matchLabels=labels, matchExpressions=_list(expression))
    selector["x-kubernetes-map-type"] = "atomic"
    ports = _list(_object(ports=_list(_object(port=_TEXT, protocol=_TEXT))))
    spec = _object(
        endpointSelector=selector,
        egress=_list(_object(toEntities=_ENTITIES, toPorts=ports)),
        ingress=_list(_object(fromEntities=_ENTITIES, toPorts=ports)),
    )
    version = {
        "name": "v2",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": _object(spec=spec)},
    }
    names = {"kind": "CiliumNetworkPolicy", "plural": "ciliumnetworkpolicies"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": _CRD},
        "spec": {
            "group": "cilium.io",
            "names": names,
            "scope": "Namespaced",
            "versions": [version],
        },
    }


@pytest.fixture(scope="module")
def api(release: Release) -> Iterator[Api]:
    """Run the operator; the API server says where it listens, which on loopback it does not."""
    opened = Api(release.plane)
    slice_ = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "first", "labels": {"kubernetes.io/service-name": "kubernetes"}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["192.0.2.1"]}],
        "ports": [{"name": "https", "port": 6443, "protocol": "TCP"}],
    }
    try:
        assert opened.send("POST", _SLICES, slice_).is_success
        release.start_operator()
        yield opened
    finally:
        opened.send("DELETE", f"{_SLICES}/first")
        opened.close()
        release.stop()


@pytest.fixture
def namespace(release: Release, api: Api) -> Iterator[str]:  # noqa: ARG001 -- it must run
    """Give an isolated namespace from which the API server may be reached."""
    name = release.plane.create_namespace(LABELS)
    network = {"mode": "Enforce", "allow": {"apiServer": "All"}}
    release.plane.apply(policy(NAME, LABELS, network=network))
    yield name
    release.plane.kubectl("delete", "hardeningpolicy", NAME)
    release.plane.kubectl("delete", "crd", _CRD, "--ignore-not-found")
    release.plane.delete_namespace(name)


def _entities(api: Api, namespace: str) -> list[Any]:
    answer = api.send("GET", f"/apis/cilium.io/v2/namespaces/{namespace}/ciliumnetworkpolicies")
    items: list[Any] = answer.body.get("items", []) if isinstance(answer.body, dict) else []
    return items


def test_the_api_server_is_named_where_addresses_do_not_count(
    release: Release, api: Api, namespace: str
) -> None:
    plane = release.plane
    wait_for(lambda: len(api.items("NetworkPolicy", namespace)) == 3, "isolated")
    plane.apply(_definition())
    wait_for(lambda: _entities(api, namespace), "beside", 60)
    [made] = _entities(api, namespace)
    assert made["metadata"]["annotations"]["revet.dev/source"] == "spec.network.allow.apiServer"
    [rule] = made["spec"]["egress"]
    assert rule["toEntities"] == ["kube-apiserver"]
    ports = {(each["port"], each["protocol"]) for each in rule["toPorts"][0]["ports"]}
    assert ports == {("6443", "TCP"), ("443", "TCP")}
    name = made["metadata"]["name"]
    assert name in {each["metadata"]["name"] for each in api.items("NetworkPolicy", namespace)}
    place = (name, f"--namespace={namespace}")
    plane.kubectl("delete", _CRD, *place)
    wait_for(lambda: _entities(api, namespace), "back")
    open_all = '{"spec": {"endpointSelector": {"matchLabels": {"no": "pod"}}}}'
    plane.kubectl("patch", _CRD, *place, "--type=merge", f"--patch={open_all}")

    def is_as_written() -> bool:
        [live] = _entities(api, namespace)
        return bool(live["spec"] == made["spec"])

    wait_for(is_as_written, "as written")
    # A restart finds what stands, and takes nothing away.
    uid = _entities(api, namespace)[0]["metadata"]["uid"]
    version = _entities(api, namespace)[0]["metadata"]["resourceVersion"]
    release.operator.stop()
    release.start_operator()
    network = {"mode": "Enforce", "allow": {"apiServer": "All", "sameNamespace": True}}
    plane.apply(policy(NAME, LABELS, network=network))
    wait_for(lambda: len(api.items("NetworkPolicy", namespace)) == 4, "seen again")
    [live] = _entities(api, namespace)
    assert (live["metadata"]["uid"], live["metadata"]["resourceVersion"]) == (uid, version)
    closed = {"mode": "Enforce", "allow": {"apiServer": "Disabled"}}
    plane.apply(policy(NAME, LABELS, network=closed))
    wait_for(lambda: not _entities(api, namespace), "taken back")


def test_without_cilium_all_goes_on(release: Release, api: Api, namespace: str) -> None:
    release.plane.apply(_definition())
    wait_for(lambda: _entities(api, namespace), "beside", 60)
    release.plane.kubectl("delete", "crd", _CRD)
    for each in api.items("NetworkPolicy", namespace):
        api.delete({**each, "kind": "NetworkPolicy"}, namespace)
    wait_for(lambda: len(api.items("NetworkPolicy", namespace)) == 3, "isolated again")

    def is_ready() -> bool:
        path = ("get", "hardeningpolicy", NAME, "--output=jsonpath={.status.conditions}")
        return '"reason":"Applied"' in release.plane.kubectl(*path).stdout

    wait_for(is_ready, "ready", 60)
