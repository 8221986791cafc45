"""Random policies in random clusters: what is open is what they name, by two readers."""

from pathlib import Path
from random import Random
from typing import Final

import pytest

from tests.network.evaluator import find_connections
from tests.network.meaning import find_ends, tell_connections
from tests.network.world import World
from tests.support.manifests import Manifest

_CASES: Final = 25
_APPS: Final = ("a", "b", "c")
_TEAMS: Final = ("red", "blue")
_NUMBERS: Final = (1000, 2000, 3000)
_LABEL: Final = "revet.dev/db-client"


def _world(random: Random) -> World:
    world = World()
    world.namespace("kube-system", team=random.choice(_TEAMS), tier="prod")
    world.pod("kube-system/dns", {"app": random.choice(_APPS)})
    for name in ("one", "two", "three"):
        tier = random.choice(("prod", "prod", "dev"))
        world.namespace(name, team=random.choice(_TEAMS), tier=tier)
        for number in range(2):
            labels = {"app": random.choice(_APPS)}
            if random.random() < 0.4:
                labels[_LABEL] = random.choice(("orders", "users"))
            world.pod(f"{name}/pod-{number}", labels)
    return world


def _selector(random: Random, key: str, values: tuple[str, ...]) -> Manifest:
    value = random.choice(values)
    term = {"key": key, "operator": random.choice(("In", "NotIn")), "values": [value]}
    return random.choice(
        [{"matchLabels": {key: value}}, {"matchExpressions": [term]}, {"matchExpressions": [term]}]
    )


def _wide_selector(random: Random, key: str, values: tuple[str, ...]) -> Manifest:
    """Select by the presence of a label, too.

    Not for pods at the other end: there the evaluator looks for it in the policy's own namespace.
    """
    presence = {"key": _LABEL, "operator": random.choice(("Exists", "DoesNotExist"))}
    if random.random() < 0.3:
        return {"matchExpressions": [presence]}
    selector = _selector(random, key, values)
    if random.random() < 0.2:
        selector["matchExpressions"] = [*selector.get("matchExpressions", []), presence]
    return selector


def _peer(random: Random) -> Manifest:
    peer: Manifest = {}
    if random.random() < 0.5:
        peer["namespaceSelector"] = _wide_selector(random, "team", _TEAMS)
    if random.random() < 0.7:
        peer["podSelector"] = _selector(random, "app", _APPS)
    return peer


def _ports(random: Random) -> list[Manifest]:
    return [{"port": each} for each in random.sample(_NUMBERS, random.randint(1, 2))]


def _database(random: Random, name: str) -> Manifest:
    clients = [
        {"namespaceSelector": _wide_selector(random, "team", _TEAMS), "serviceAccounts": ["any"]}
        for _ in range(random.randint(1, 2))
    ]
    selector = _selector(random, "app", _APPS)
    return {"name": name, "podSelector": selector, "ports": _ports(random), "clients": clients}


def _policy(random: Random, name: str) -> Manifest:
    isolate = random.choice([["Ingress"], ["Egress"], ["Ingress", "Egress"], ["Ingress", "Egress"]])
    allow: Manifest = {"dns": False, "apiServer": "Disabled", "aggregatedApis": False}
    allow["sameNamespace"] = random.random() < 0.4
    if random.random() < 0.3:
        allow["monitoring"] = {"from": [_peer(random), _peer(random)], "ports": _ports(random)}
    network: Manifest = {"mode": "Enforce", "isolate": isolate, "allow": allow}
    network["flows"] = [
        {"name": f"f{number}", "from": _peer(random), "to": _peer(random), "ports": _ports(random)}
        for number in range(random.randint(0, 3))
    ]
    if "Ingress" in isolate:
        names = random.sample(("orders", "users"), random.randint(0, 2))
        network["databases"] = [_database(random, each) for each in names]
    selector = random.choice([{}, {"matchLabels": {"tier": "prod"}}])
    spec: Manifest = {"namespaceSelector": selector, "profile": "baseline", "network": network}
    if random.random() < 0.3:
        spec["podSelector"] = _wide_selector(random, "app", _APPS)
    return {
        "apiVersion": "revet.dev/v1alpha1",
        "kind": "HardeningPolicy",
        "metadata": {"name": name},
        "spec": spec,
    }


@pytest.mark.parametrize("seed", [1, 2])
def test_open_is_exactly_what_is_named(seed: int, tmp_path: Path) -> None:
    random = Random(seed)  # noqa: S311 -- chance, no secrets
    clusters: dict[str, list[Manifest]] = {}
    expected: dict[str, frozenset[str]] = {}
    asked: dict[str, list[Manifest]] = {}
    for number in range(_CASES):
        name = f"case-{number}"
        world = _world(random)
        asked[name] = [_policy(random, f"p{each}") for each in range(random.randint(1, 2))]
        clusters[name] = world.isolate(asked[name], tmp_path)[0]
        expected[name] = frozenset(tell_connections(asked[name], find_ends(world.manifests)))
    found = find_connections(clusters, tmp_path)
    for name, policies in asked.items():
        more, less = found[name] - expected[name], expected[name] - found[name]
        assert not more | less, f"{name}: open: {more}; missing: {less}; {policies}"
    # Most of them close something, and leave something open.
    assert sum(any("TCP" in each for each in told) for told in expected.values()) > _CASES / 3
