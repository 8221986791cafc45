"""Objects without a pod: what is read of each kind, and what is said of those that do not fit."""

import json
from typing import Any

import pytest

from revet.core.errors import ManifestError
from revet.core.item import read_item
from revet.core.kinds import BY_NAME, KINDS
from revet.core.model.namespace import Namespace
from revet.core.model.network_policy import (
    EgressRule,
    Expression,
    IngressRule,
    IPBlock,
    NetworkPolicy,
    NetworkPolicySpec,
    Peer,
    PolicyPort,
    Selector,
)
from revet.core.model.rbac import Binding, PolicyRule, Role, RoleRef, Secret, Subject
from revet.core.model.service import (
    Backend,
    BackendPort,
    BackendService,
    Gateway,
    GatewaySpec,
    Ingress,
    IngressHttp,
    IngressPath,
    IngressSpec,
    IngressTls,
    Listener,
    Service,
    ServicePort,
    ServiceSpec,
)
from revet.core.model.service import IngressRule as HostRule
from revet.core.model.signing_request import (
    SigningRequest,
    SigningRequestCondition,
    SigningRequestSpec,
    SigningRequestStatus,
)
from revet.core.model.wire import Wire
from tests.support.own_checks import ITEMS

Manifest = dict[str, Any]
RULES: Manifest = {
    "rules": [
        {
            "verbs": ["get"],
            "apiGroups": [""],
            "resources": ["pods"],
            "resourceNames": ["web"],
        },
        {"verbs": ["get"], "nonResourceURLs": ["/healthz"]},
    ]
}
ROLE = Role(
    (
        PolicyRule(("get",), ("",), ("pods",), ("web",)),
        PolicyRule(("get",), non_resource_urls=("/healthz",)),
    )
)
GRANT: Manifest = {
    "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
    "subjects": [
        {"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "jane"},
        {"kind": "ServiceAccount", "name": "default", "namespace": "shop"},
    ],
}
BINDING = Binding(
    RoleRef("ClusterRole", "view"),
    (Subject("User", "jane"), Subject("ServiceAccount", "default", "shop")),
)
DENIED: Manifest = {"type": "Denied", "status": "True"}
BACKEND: Manifest = {"service": {"name": "web", "port": {"number": 80}}}

# Every field that a check may read, under the name that the API gives it.
FULL: dict[str, tuple[Manifest, Wire]] = {
    "Service": (
        {
            "spec": {
                "type": "LoadBalancer",
                "selector": {"app": "web"},
                "ports": [
                    {"name": "http", "port": 80, "targetPort": "web"},
                    {"port": 443, "targetPort": 8443},
                ],
                "externalName": "example.com",
                "externalIPs": ["192.0.2.1"],
                "loadBalancerSourceRanges": ["192.0.2.0/24"],
            }
        },
        Service(
            ServiceSpec(
                "LoadBalancer",
                {"app": "web"},
                (ServicePort("http", 80, "web"), ServicePort(None, 443, 8443)),
                "example.com",
                ("192.0.2.1",),
                ("192.0.2.0/24",),
            )
        ),
    ),
    "Secret": (
        {"type": "kubernetes.io/service-account-token", "data": {"token": "c2VjcmV0"}},
        Secret("kubernetes.io/service-account-token"),
    ),
    "CertificateSigningRequest": (
        {
            "spec": {"request": "YQ==", "signerName": "a/b"},
            "status": {"conditions": [DENIED]},
        },
        SigningRequest(
            SigningRequestSpec("YQ=="), SigningRequestStatus((SigningRequestCondition("Denied"),))
        ),
    ),
    "Gateway": (
        {"spec": {"listeners": [{"name": "a", "port": 80, "protocol": "HTTP"}]}},
        Gateway(GatewaySpec((Listener("a", 80, "HTTP"),))),
    ),
    "Ingress": (
        {
            "spec": {
                "defaultBackend": {"service": {"name": "web", "port": {"name": "http"}}},
                "rules": [
                    {"host": "a.example", "http": {"paths": [{"path": "/", "backend": BACKEND}]}}
                ],
                "tls": [{"hosts": ["a.example"], "secretName": "a"}],
            }
        },
        Ingress(
            IngressSpec(
                Backend(BackendService("web", BackendPort("http"))),
                (
                    HostRule(
                        "a.example",
                        IngressHttp(
                            (
                                IngressPath(
                                    "/", Backend(BackendService("web", BackendPort(number=80)))
                                ),
                            )
                        ),
                    ),
                ),
                (IngressTls(("a.example",), "a"),),
            )
        ),
    ),
    "NetworkPolicy": (
        {
            "spec": {
                "podSelector": {
                    "matchLabels": {"a": "b"},
                    "matchExpressions": [{"key": "c", "operator": "In", "values": ["d"]}],
                },
                "policyTypes": ["Ingress", "Egress"],
                "ingress": [
                    {
                        "from": [{"podSelector": {}}, {"namespaceSelector": {}}],
                        "ports": [{"port": "http", "protocol": "TCP"}],
                    }
                ],
                "egress": [
                    {
                        "to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8"]}}],
                        "ports": [{"port": 1, "endPort": 9}],
                    }
                ],
            }
        },
        NetworkPolicy(
            NetworkPolicySpec(
                Selector({"a": "b"}, (Expression("c", "In", ("d",)),)),
                ("Ingress", "Egress"),
                (
                    IngressRule(
                        (Peer(pod_selector=Selector()), Peer(namespace_selector=Selector())),
                        (PolicyPort("http", protocol="TCP"),),
                    ),
                ),
                (
                    EgressRule(
                        (Peer(ip_block=IPBlock("0.0.0.0/0", ("10.0.0.0/8",))),),
                        (PolicyPort(1, 9),),
                    ),
                ),
            )
        ),
    ),
    "Namespace": ({}, Namespace()),
    "Role": (RULES, ROLE),
    "ClusterRole": (RULES, ROLE),
    "RoleBinding": (GRANT, BINDING),
    "ClusterRoleBinding": (GRANT, BINDING),
}


def _json(manifest: Manifest) -> bytes:
    return json.dumps(manifest).encode()


def test_every_kind_without_a_pod_has_a_row() -> None:
    assert set(FULL) == {kind.name for kind in KINDS if not kind.holds_pod}


@pytest.mark.parametrize("kind", ITEMS)
def test_every_field_is_read_by_the_name_that_the_api_gives_it(kind: str) -> None:
    manifest, body = FULL[kind]
    metadata = {"name": "web", "labels": {"a": "b"}, "annotations": {"c": "d"}}
    item = read_item(BY_NAME[kind].group, kind, _json({"metadata": metadata, **manifest}))
    assert (item.kind, item.body) == (kind, body)
    assert item.metadata.name == "web"
    assert item.metadata.labels == {"a": "b"}
    assert item.metadata.annotations == {"c": "d"}


@pytest.mark.parametrize("kind", ITEMS)
def test_an_object_that_says_nothing_is_read(kind: str) -> None:
    group = BY_NAME[kind].group
    item = read_item(group, kind, b"{}")
    assert item == read_item(group, kind, b'{"metadata": null}')
    assert item.metadata.name is None
    assert item.body == type(FULL[kind][1])()


@pytest.mark.parametrize(
    ("kind", "manifest", "message"),
    [
        (
            "Service",
            {"spec": {"ports": 80}},
            "Expected `array | null`, got `int` - at `$.spec.ports`",
        ),
        (
            "Service",
            {"spec": {"ports": [{"port": "80"}]}},
            "Expected `int | null`, got `str` - at `$.spec.ports[0].port`",
        ),
        (
            "Service",
            {"metadata": {"labels": ["a"]}},
            "Expected `object | null`, got `array` - at `$.metadata.labels`",
        ),
        ("Secret", {"type": 3}, "Expected `str | null`, got `int` - at `$.type`"),
        (
            "Gateway",
            {"spec": {"listeners": [{"port": 1.5}]}},
            "Expected `int | null`, got `float` - at `$.spec.listeners[0].port`",
        ),
        (
            "Ingress",
            {"spec": {"tls": [{"hosts": "a.example"}]}},
            "Expected `array | null`, got `str` - at `$.spec.tls[0].hosts`",
        ),
        (
            "NetworkPolicy",
            {"spec": {"egress": [{"to": [{"ipBlock": "0.0.0.0/0"}]}]}},
            "Expected `object | null`, got `str` - at `$.spec.egress[0].to[0].ipBlock`",
        ),
        (
            "Role",
            {"rules": [{"verbs": [1]}]},
            "Expected `str`, got `int` - at `$.rules[0].verbs[0]`",
        ),
        (
            "ClusterRoleBinding",
            {"subjects": [{"name": {}}]},
            "Expected `str`, got `object` - at `$.subjects[0].name`",
        ),
    ],
)
def test_a_wrong_type_is_refused_by_its_field(kind: str, manifest: Manifest, message: str) -> None:
    with pytest.raises(ManifestError) as caught:
        read_item(BY_NAME[kind].group, kind, _json(manifest))
    assert str(caught.value) == f"{kind}: {message}"


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff", b'{"metadata": "\xff"}'])
def test_what_is_no_object_is_refused(data: bytes) -> None:
    for kind in ITEMS:
        with pytest.raises(ManifestError, match=f"^{kind}: "):
            read_item(BY_NAME[kind].group, kind, data)


@pytest.mark.parametrize("kind", ITEMS)
def test_what_is_in_no_namespace_names_none(kind: str) -> None:
    data = _json({"metadata": {"name": "web", "namespace": "shop", "labels": {"a": "b"}}})
    metadata = read_item(BY_NAME[kind].group, kind, data).metadata
    assert metadata.namespace == ("shop" if BY_NAME[kind].is_namespaced else None)
    assert (metadata.name, metadata.labels) == ("web", {"a": "b"})
