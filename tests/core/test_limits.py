"""What NetworkPolicies can't give of what a policy asks for, in the words of the status."""

from typing import Any

import pytest

from revet.core.network.facts import (
    Addresses,
    Backend,
    ClusterFacts,
    DatabaseClient,
    Dns,
    HostPod,
    NamespaceFacts,
    Opener,
    Place,
    PodPort,
)
from revet.core.network.limits import Limits, Surroundings, find_limits
from revet.core.render.networkpolicy import network_policies
from tests.support.policy_builder import build_policy

PORTS = (PodPort("TCP", 6443),)
CLUSTER = ClusterFacts(
    dns=Dns((("a", "b"),), PORTS, Addresses((), PORTS)),
    api_server=(Addresses(("192.0.2.1",), PORTS),),
)
LABELS = {"shop": {"tier": "prod"}, "ops": {"team": "ops"}}
OPS = {"namespaceSelector": {"matchLabels": {"team": "ops"}}}


def _find(network: dict[str, Any], **facts: NamespaceFacts) -> Limits:
    policy = build_policy(network={"mode": "Enforce", **network})
    around = Surroundings(CLUSTER, LABELS, ["shop"], lambda name: facts.get(name, NamespaceFacts()))
    return find_limits(policy, around)


def test_where_nothing_lacks_nothing_is_said() -> None:
    assert _find({}) == Limits()


@pytest.mark.parametrize(
    ("network", "where", "facts", "said"),
    [
        (
            {},
            "shop",
            NamespaceFacts(on_host=(HostPod("a", ()), HostPod("b", ()))),
            "shop: Pod a and 1 more on the host network: no NetworkPolicy holds there",
        ),
        (
            {},
            "shop",
            NamespaceFacts(api_unclear=("x",)),
            "shop: allow.apiServer: x; it stays closed",
        ),
        (
            {},
            "shop",
            NamespaceFacts(called=(Backend("hook", (), PORTS),)),
            (
                "shop: Service hook is open to 192.0.2.1, where the API server listens; where it"
                " calls from elsewhere (a tunnel, konnectivity), add a NetworkPolicy of yours"
            ),
        ),
        (
            {"allow": {"ingressControllers": [OPS]}},
            "ops",
            NamespaceFacts(on_host=(HostPod("nginx", ()),)),
            (
                "allow.ingressControllers: Pod ops/nginx is on the host network, where no selector"
                " finds it: its connections stay closed"
            ),
        ),
        (
            {"flows": [{"name": "f", "from": OPS, "to": {}, "ports": [{"port": 1}]}]},
            "ops",
            NamespaceFacts(),
            "flows[f]: only our end is written, not that in ops",
        ),
    ],
)
def test_what_lacks_is_said(
    network: dict[str, Any], where: str, facts: NamespaceFacts, said: str
) -> None:
    assert said in _find(network, **{where: facts}).weaker


def test_who_opens_what_is_isolated_is_named() -> None:
    facts = NamespaceFacts(openers=(Opener("wide", "Egress"),))
    said = "shop: NetworkPolicy wide opens Egress (netpol-too-wide)"
    assert _find({}, shop=facts).opened == [said]
    assert _find({"isolate": ["Ingress"]}, shop=facts).opened == []


def test_a_client_that_is_not_listed_is_named() -> None:
    database = {
        "name": "orders",
        "podSelector": {},
        "ports": [{"port": 1}],
        "clients": [{**OPS, "serviceAccounts": ["api"]}],
    }
    pods = tuple(DatabaseClient(name, name, "orders") for name in ("api", "web"))
    [_, said] = _find({"databases": [database]}, ops=NamespaceFacts(database_clients=pods)).weaker
    assert said == (
        "databases[orders]: Pod ops/web of ServiceAccount web, which is not listed, has its label"
    )


def test_databases_that_take_too_many_selectors_are_said() -> None:
    labels = {f"k{number}": "x" for number in range(16)}
    databases = [
        {"name": name, "podSelector": {"matchLabels": labels}, "ports": [{"port": 1}],
         "clients": [{"namespaceSelector": {}, "serviceAccounts": ["api"]}]}
        for name in ("a", "b")
    ]  # fmt: skip
    network = {"mode": "Enforce", "allow": {"sameNamespace": True}, "databases": databases}
    assert any("sameNamespace: connections to pods" in each for each in _find(network).weaker)
    written = network_policies(build_policy(network=network), Place("shop"))
    roles = {each["metadata"]["name"].split("-", 2)[2] for each in written}
    assert "same-namespace" in roles
    assert not any(role.startswith("same-namespace-to") for role in roles)


@pytest.mark.parametrize("address", ["169.254.169.254", "fd00:ec2::254"])
def test_the_metadata_service_is_in_no_rule(address: str) -> None:
    service = Addresses((address, "api.example", "192.0.2.1", "2001:db8::1"), PORTS)
    cluster = ClusterFacts(dns=Dns((), PORTS, service), api_server=(service,), api_service=service)
    policy = build_policy(network={"mode": "Enforce", "allow": {"apiServer": "All"}})
    written = str(network_policies(policy, Place("shop"), cluster))
    assert address not in written
    assert "api.example" not in written
    assert "192.0.2.1/32" in written
    assert "2001:db8::1/128" in written
