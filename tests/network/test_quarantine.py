"""A pod in quarantine has no connection left, but what other people's NetworkPolicies open."""

from pathlib import Path
from typing import Any, Final

import pytest

from revet.core.network.openings import find_openings
from tests.network.evaluator import find_connections
from tests.network.world import World
from tests.support.manifests import Manifest
from tests.support.manifests import policy as write_policy

HELD: Final = "shop/web"
LABELS: Final = {"app": "web", "revet.dev/db-client": "orders", "revet.dev/quarantine": "x"}
TIER: Final = {"tier": "prod"}
EVERYBODY: Final[Manifest] = {"namespaceSelector": {"matchLabels": TIER}}
RESPOND: Final[Manifest] = {"respond": [{"action": "Quarantine"}]}
OPEN: Final[Manifest] = {
    "dns": True,
    "sameNamespace": True,
    "apiServer": "All",
    "aggregatedApis": True,
    "ingressControllers": [EVERYBODY],
    "monitoring": {"from": [EVERYBODY], "ports": [{"port": "http"}]},
}
NETWORK: Final[Manifest] = {
    "mode": "Enforce",
    "allow": OPEN,
    "flows": [{"name": "x", "from": EVERYBODY, "to": EVERYBODY, "ports": [{"port": 80}]}],
}
OUT: Final[Manifest] = {**NETWORK, "isolate": ["Egress"]}
WEB: Final[Manifest] = {"matchLabels": {"app": "web"}}
#: Policies, by what is asked for besides quarantine.
CASES: Final[dict[str, list[Manifest]]] = {
    "alone": [write_policy("a", TIER, runtime=RESPOND)],
    "audit": [write_policy("a", TIER, enforcement="Audit", runtime=RESPOND)],
    "open": [write_policy("a", TIER, runtime=RESPOND, network=NETWORK)],
    "egress": [write_policy("a", TIER, runtime=RESPOND, network=OUT)],
    "two": [
        write_policy("a", TIER, runtime=RESPOND),
        write_policy("b", TIER, network=NETWORK),
    ],
    "of-some": [write_policy("a", TIER, podSelector=WEB, runtime=RESPOND)],
}
#: NetworkPolicies of somebody else, and whether they still allow the pod something.
OTHERS: Final[dict[str, tuple[Manifest, bool]]] = {
    "in": ({"podSelector": {"matchLabels": {"app": "web"}}, "ingress": [{}]}, True),
    "out": ({"podSelector": {}, "policyTypes": ["Egress"], "egress": [{}]}, True),
    "other-pod": ({"podSelector": {"matchLabels": {"app": "api"}}, "ingress": [{}]}, False),
    "deny": ({"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}, False),
}


def _world(**others: Manifest) -> World:
    world = World()
    world.dns()
    world.api_server()
    for name in ("shop", "pay"):
        world.namespace(name, **TIER)
    world.pod(HELD, LABELS, token=True, ports={"http": 80})
    world.pod("shop/api", {"app": "api"}, ports={"http": 80})
    world.pod("pay/api", {"app": "api"}, ports={"http": 80})
    world.service("shop/front", {"app": "web"}, [{"port": 80}])
    paths = [{"backend": {"service": {"name": "front", "port": {"number": 80}}}}]
    rules = [{"http": {"paths": paths}}]
    world.add("Ingress", "networking.k8s.io/v1", "shop/front", spec={"rules": rules})
    for name, spec in others.items():
        world.add("NetworkPolicy", "networking.k8s.io/v1", f"shop/{name}", spec=spec)
    return world


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, frozenset[str]]:
    """Judge all at once: each case, and each NetworkPolicy of others beside the first."""
    folder = tmp_path_factory.mktemp("quarantine")
    clusters: dict[str, Any] = {
        name: _world().isolate(policies, folder)[0] for name, policies in CASES.items()
    }
    for name, (spec, _) in OTHERS.items():
        clusters[f"beside-{name}"] = _world(**{name: spec}).isolate(CASES["open"], folder)[0]
    return find_connections(clusters, folder)


@pytest.mark.parametrize("name", CASES)
def test_no_connection_is_left(name: str, found: dict[str, frozenset[str]]) -> None:
    assert not {each for each in found[name] if HELD in each}
    # All others go on.
    assert {each for each in found[name] if "shop/api -> pay/api" in each}


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_named_is_what_leaves_one(name: str, found: dict[str, frozenset[str]]) -> None:
    spec, opens = OTHERS[name]
    left = {each for each in found[f"beside-{name}"] if HELD in each}
    assert bool(left) is opens
    policies: list[Manifest] = [{"metadata": {"name": name}, "spec": spec}]
    assert find_openings(LABELS, policies) == ([name] if opens else [])


def test_without_it_the_pod_is_connected(tmp_path: Path) -> None:
    policies = [write_policy("a", TIER, network=NETWORK)]
    world = _world()
    for each in world.manifests:
        each["metadata"].get("labels", {}).pop("revet.dev/quarantine", None)
    clusters = {"free": world.isolate(policies, tmp_path)[0]}
    assert {each for each in find_connections(clusters, tmp_path)["free"] if HELD in each}
