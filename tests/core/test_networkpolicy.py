"""The generated NetworkPolicies: which there are, what they select, and what they let through."""

from typing import Any

import pytest

from revet.core.network.facts import (
    Addresses,
    Backend,
    ClusterFacts,
    NamespaceFacts,
    Place,
    PodPort,
)
from revet.core.render.allowance import render_addresses
from revet.core.render.isolation_names import NAMES, is_named_for
from revet.core.render.networkpolicy import network_policies
from tests.support.policy_builder import build_policy

ABSENT = {"key": "revet.dev/quarantine", "operator": "DoesNotExist"}
DNS_PEERS = [
    {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
        "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
    },
]
NODE_LOCAL_DNS = [{"ipBlock": {"cidr": "169.254.20.10/32"}}]
DNS_PORTS = [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]
BOTH = ["Ingress", "Egress"]
WITHIN: list[dict[str, Any]] = [{"podSelector": {}}]


def _render(network: object, **spec: Any) -> dict[str, dict[str, Any]]:  # noqa: ANN401 # JSON
    manifests = network_policies(build_policy(network=network, **spec), Place("shop"))
    return {each["metadata"]["name"].removeprefix(f"revet-{HASH}-"): each for each in manifests}


HASH = "ab8e18ef4ebebeddc0b3"  # sha256 of "production"


@pytest.mark.parametrize(
    ("network", "specs"),
    [
        (
            {"mode": "Enforce"},
            {
                "isolate": (BOTH, [], []),
                "dns": (
                    ["Egress"],
                    [],
                    [
                        {"to": DNS_PEERS, "ports": DNS_PORTS},
                        {"to": NODE_LOCAL_DNS, "ports": DNS_PORTS},
                    ],
                ),
            },
        ),
        (
            {"mode": "Enforce", "isolate": ["Ingress"]},
            {"isolate": (["Ingress"], [], [])},
        ),
        (
            {"mode": "Enforce", "allow": {"dns": False}},
            {"isolate": (BOTH, [], [])},
        ),
        (
            {"mode": "Enforce", "allow": {"dns": False, "sameNamespace": True}},
            {
                "isolate": (BOTH, [], []),
                "same-namespace": (BOTH, [{"from": WITHIN}], [{"to": WITHIN}]),
            },
        ),
        (
            {"mode": "Enforce", "isolate": ["Ingress"], "allow": {"sameNamespace": True}},
            {
                "isolate": (["Ingress"], [], []),
                "same-namespace": (["Ingress"], [{"from": WITHIN}], []),
            },
        ),
        (
            {
                "mode": "Enforce",
                "isolate": ["Egress", "Egress"],
                "allow": {"dns": False, "sameNamespace": True},
            },
            {
                "isolate": (["Egress"], [], []),
                "same-namespace": (["Egress"], [], [{"to": WITHIN}]),
            },
        ),
        ({"mode": "Enforce", "isolate": ["Egress", "Ingress"], "allow": {"dns": False}},
         {"isolate": (BOTH, [], [])}),
        ({"mode": "Audit"}, {}),
        ({}, {}),
        (None, {}),
    ],
)  # fmt: skip
def test_what_is_asked_for_is_written(network: object, specs: dict[str, tuple[Any, ...]]) -> None:
    rendered = _render(network)
    assert {
        role: (each["spec"]["policyTypes"], each["spec"]["ingress"], each["spec"]["egress"])
        for role, each in rendered.items()
    } == specs


def test_each_allow_leaves_quarantined_pods_out() -> None:
    network = {"mode": "Enforce", "allow": {"sameNamespace": True}}
    selector = {
        "matchLabels": {"app": "web"},
        "matchExpressions": [{"key": "tier", "operator": "In", "values": ["a", "b"]}],
    }
    rendered = _render(network, podSelector=selector)
    assert rendered["isolate"]["spec"]["podSelector"] == selector
    for role in ("dns", "same-namespace"):
        assert rendered[role]["spec"]["podSelector"] == {
            "matchLabels": {"app": "web"},
            "matchExpressions": [*selector["matchExpressions"], ABSENT],
        }
    everywhere = _render(network)
    assert everywhere["isolate"]["spec"]["podSelector"] == {}
    assert everywhere["dns"]["spec"]["podSelector"] == {"matchExpressions": [ABSENT]}


def test_each_says_whose_it_is_and_why_it_is_there() -> None:
    rendered = _render({"mode": "Enforce", "allow": {"sameNamespace": True}})
    sources = {"isolate": "isolate", "dns": "allow.dns", "same-namespace": "allow.sameNamespace"}
    for role, source in sources.items():
        manifest = rendered[role]
        assert (manifest["apiVersion"], manifest["kind"]) == (
            "networking.k8s.io/v1",
            "NetworkPolicy",
        )
        assert manifest["metadata"] == {
            "name": f"revet-{HASH}-{role}",
            "namespace": "shop",
            "labels": {"app.kubernetes.io/managed-by": "revet"},
            "annotations": {
                "revet.dev/policy": "production",
                "revet.dev/source": f"spec.network.{source}",
            },
            "ownerReferences": [
                {
                    "apiVersion": "revet.dev/v1alpha1",
                    "kind": "HardeningPolicy",
                    "name": "production",
                    "uid": "uid-of-production",
                    "controller": False,
                    "blockOwnerDeletion": False,
                }
            ],
        }


def test_for_cilium_the_api_server_is_an_entity_too() -> None:
    ports = (PodPort("TCP", 6443),)
    where = Addresses(("192.0.2.1",), ports)
    facts = NamespaceFacts(
        api_clients=((("app", "api"),),),
        called=(Backend("hook", (("app", "hook"),), (PodPort("TCP", "web"),)),),
    )
    place = Place("shop", {}, facts)
    policy = build_policy(network={"mode": "Enforce"})
    plain = network_policies(policy, place, ClusterFacts(api_server=(where,)))
    both = network_policies(policy, place, ClusterFacts(api_server=(where,), has_cilium=True))
    assert [each for each in both if each["kind"] == "NetworkPolicy"] == plain
    api, called = (each for each in both if each["kind"] == "CiliumNetworkPolicy")
    assert api["spec"] == {
        "endpointSelector": {"matchLabels": {"app": "api"}, "matchExpressions": [ABSENT]},
        "egress": [
            {
                "toEntities": ["kube-apiserver"],
                "toPorts": [{"ports": [{"port": "6443", "protocol": "TCP"}]}],
            }
        ],
    }
    assert called["spec"]["ingress"] == [
        {
            "fromEntities": ["kube-apiserver"],
            "toPorts": [{"ports": [{"port": "web", "protocol": "TCP"}]}],
        }
    ]
    for each in (api, called):
        assert each["apiVersion"] == "cilium.io/v2"
        [twin] = [one for one in plain if one["metadata"] == each["metadata"]]
        assert NAMES.fullmatch(twin["metadata"]["name"])


def test_every_name_is_one_of_ours() -> None:
    network = {
        "mode": "Enforce",
        "allow": {
            "apiServer": "All",
            "sameNamespace": True,
            "monitoring": {"from": [{}], "ports": [{"port": 1}]},
            "ingressControllers": [{}],
        },
        "flows": [{"name": "x" * 63, "from": {}, "to": {}, "ports": [{"port": 1}]}],
        "databases": [
            {
                "name": "y-1",
                "podSelector": {"matchLabels": {"app": "db"}},
                "ports": [{"port": 1}],
                "clients": [{"namespaceSelector": {}, "serviceAccounts": ["api"]}],
            }
        ],
    }
    ports = (PodPort("TCP", 1),)
    exposed = Backend("s" * 63, (), ports)
    cluster = ClusterFacts(api_server=(Addresses(("192.0.2.1",), ports),))
    place = Place("shop", {}, NamespaceFacts(exposed=(exposed,), called=(exposed,)))
    made = network_policies(build_policy(network=network), place, cluster)
    names = [each["metadata"]["name"] for each in made]
    assert len(set(names)) == len(names) == 13
    assert all(NAMES.fullmatch(each) and len(each) <= 253 for each in names)
    assert all(is_named_for(each, "production") for each in names)
    assert not any(is_named_for(each, "other") for each in names)


def test_the_longest_name_of_a_policy_fits() -> None:
    network = {"mode": "Enforce", "allow": {"sameNamespace": True}}
    one, other = (
        network_policies(build_policy(letter * 253, network=network), Place("shop"))
        for letter in "ab"
    )
    names = {each["metadata"]["name"] for each in (*one, *other)}
    assert len(names) == 6
    assert all(len(name) <= 63 for name in names)


@pytest.mark.parametrize(
    ("address", "block"),
    [
        ("10.0.0.1", "10.0.0.1/32"),
        ("2001:db8::1", "2001:db8::1/128"),
        ("::ffff:10.0.0.1", "10.0.0.1/32"),
        ("169.254.169.254", None),
        ("::ffff:169.254.169.254", None),
        ("fd00:ec2:0:0::254", None),
        ("fe80::1%eth0", None),
        ("host.example", None),
    ],
)
def test_an_address_is_a_block_and_never_that_of_the_metadata_service(
    address: str, block: str | None
) -> None:
    rendered = render_addresses([address])
    assert [each["ipBlock"]["cidr"] for each in rendered] == ([block] if block else [])
