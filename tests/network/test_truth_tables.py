"""Exactly what each line of `spec.network` names is allowed, and nothing else: a table each."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from tests.network.evaluator import find_connections
from tests.network.world import API_SERVER, API_SERVICE, DNS_SERVICE, World
from tests.support.manifests import Manifest
from tests.support.manifests import policy as write_policy

SHOP: Final = ("shop/api", "shop/client", "shop/db", "shop/web")
ISOLATED: Final = (*SHOP, "pay/bank")
OUTSIDE: Final = ("*", "ingress/nginx", "kube-system/dns", "monitoring/prom", "other/out")
NODE_LOCAL: Final = "169.254.20.10"
CLOSED: Final[Manifest] = {"dns": False, "apiServer": "Disabled", "aggregatedApis": False}
TEAM: Final[Mapping[str, Manifest]] = {
    team: {"matchLabels": {"team": team}} for team in ("shop", "pay", "other", "ops")
}


def _app(name: str) -> Manifest:
    return {"matchLabels": {"app": name}}


def _world() -> World:
    world = World()
    world.dns()
    world.api_server()
    for name, labels in {
        "shop": {"tier": "prod", "team": "shop"},
        "pay": {"tier": "prod", "team": "pay"},
        "other": {"team": "other"},
        "ingress": {"team": "ops"},
        "monitoring": {"team": "ops"},
    }.items():
        world.namespace(name, **labels)
    world.pod("shop/web", {"app": "web", "part": "a"}, ports={"metrics": 9100})
    world.pod("shop/api", {"app": "api"}, account="api", token=True, ports={"metrics": 9200})
    world.pod("shop/db", {"app": "db"}, account="api")
    world.pod("shop/client", {"app": "client", "revet.dev/db-client": "orders"}, token=True)
    world.pod("pay/bank", {"app": "api"}, account="api", token=True)
    world.pod("other/out", {"app": "web"}, account="api", token=True)
    world.pod("ingress/nginx", {"app": "nginx"})
    world.pod("monitoring/prom", {"app": "prom"})
    world.bind("shop", "api")
    hook = {"clientConfig": {"service": {"namespace": "shop", "name": "hook", "port": 8443}}}
    admission = "admissionregistration.k8s.io/v1"
    world.add("ValidatingWebhookConfiguration", admission, "hook", webhooks=[hook])
    port = {"port": 8443, "targetPort": 9443, "protocol": "TCP"}
    world.service("shop/hook", {"app": "api"}, [port])
    world.service("shop/front", {"part": "a"}, [{"port": 80, "name": "http", "targetPort": 8080}])
    world.service("shop/data", {"app": "db"}, [{"port": 5432}])
    paths = [{"backend": {"service": {"name": "front", "port": {"name": "http"}}}}]
    more = [{"backend": {"service": {"name": "data", "port": {"number": 5432}}}}]
    rules = [{"http": {"paths": paths}}, {"http": {"paths": more}}]
    world.add("Ingress", "networking.k8s.io/v1", "shop/front", spec={"rules": rules})
    return world


def _flow(sources: Iterable[str], targets: Iterable[str], *ports: str) -> set[str]:
    return {
        f"{source} -> {target}: {port}"
        for source in sources
        for target in targets
        for port in ports
        if source != target
    }


DNS: Final = _flow(ISOLATED, ["kube-system/dns"], "TCP 5354", "UDP 5353") | _flow(
    ISOLATED, [NODE_LOCAL, DNS_SERVICE], "TCP 53", "UDP 53"
)
OPEN_OUT: Final = _flow(ISOLATED, [*OUTSIDE, *ISOLATED], "all")
OPEN_IN: Final = _flow([*OUTSIDE, *ISOLATED], ISOLATED, "all")
API: Final = {
    place: _flow([place], [API_SERVER], "TCP 6443") | _flow([place], [API_SERVICE], "TCP 443")
    for place in ISOLATED
}


def _allow(**lines: Any) -> Manifest:  # noqa: ANN401 -- any JSON
    return {"allow": {**CLOSED, **lines}}


def _flows(source: Manifest, target: Manifest, *ports: int | str) -> Manifest:
    listed = [{"port": each} for each in ports]
    return {**_allow(), "flows": [{"name": "x", "from": source, "to": target, "ports": listed}]}


def _database(*clients: str, **lines: Any) -> Manifest:  # noqa: ANN401 -- any JSON
    listed = [{"namespaceSelector": TEAM[each], "serviceAccounts": ["any"]} for each in clients]
    database = {
        "name": "orders",
        "podSelector": _app("db"),
        "ports": [{"port": 5432}],
        "clients": listed,
    }
    return {**_allow(**lines), "databases": [database]}


PROMETHEUS: Final = {"namespaceSelector": TEAM["ops"], "podSelector": _app("prom")}
NGINX: Final = {"namespaceSelector": TEAM["ops"], "podSelector": _app("nginx")}
NOT_DB: Final = ("shop/api", "shop/client", "shop/web")
CASES: Final[dict[str, tuple[Manifest, set[str]]]] = {
    "nothing": (_allow(), set()),
    "nothing-out": ({"isolate": ["Egress"], **_allow()}, _flow(OUTSIDE, ISOLATED, "all")),
    "nothing-in": ({"isolate": ["Ingress"], **_allow()}, _flow(ISOLATED, OUTSIDE, "all")),
    "dns": (_allow(dns=True), DNS),
    "same-namespace": (_allow(sameNamespace=True), _flow(SHOP, SHOP, "all")),
    "api-bound": (_allow(apiServer="Bound"), API["shop/api"]),
    "api-all": (_allow(apiServer="All"), set[str]().union(*API.values())),
    "webhooks": (_allow(aggregatedApis=True), _flow([API_SERVER], ["shop/api"], "TCP 9443")),
    "monitoring": (
        _allow(monitoring={"from": [PROMETHEUS], "ports": [{"port": "metrics"}]}),
        _flow(["monitoring/prom"], ["shop/web"], "TCP 9100")
        | _flow(["monitoring/prom"], ["shop/api"], "TCP 9200"),
    ),
    "ingress": (
        _allow(ingressControllers=[NGINX]),
        _flow(["ingress/nginx"], ["shop/web"], "TCP 8080")
        | _flow(["ingress/nginx"], ["shop/db"], "TCP 5432"),
    ),
    "flow-within": (
        _flows({"podSelector": _app("web")}, {"podSelector": _app("api")}, 8080),
        _flow(["shop/web"], ["shop/api"], "TCP 8080"),
    ),
    "flow-across": (
        _flows({"namespaceSelector": TEAM["shop"], "podSelector": _app("web")},
               {"namespaceSelector": TEAM["pay"]}, 8080, 9090),
        _flow(["shop/web"], ["pay/bank"], "TCP 8080,9090"),
    ),
    "flow-from-outside": (
        _flows({"namespaceSelector": TEAM["other"]}, {"podSelector": _app("api")}, 8080),
        _flow(["other/out"], ["shop/api", "pay/bank"], "TCP 8080"),
    ),
    "flow-to-outside": (
        _flows({"podSelector": _app("api")}, {"namespaceSelector": TEAM["other"]}, 8080),
        _flow(["shop/api", "pay/bank"], ["other/out"], "TCP 8080"),
    ),
    # From one namespace to the others that the policy selects, which `other` is not.
    "flow-to-all-selected": (
        _flows({"namespaceSelector": TEAM["shop"], "podSelector": _app("client")},
               {"podSelector": _app("web")}, 8080),
        _flow(["shop/client"], ["shop/web"], "TCP 8080"),
    ),
    "flow-one-direction": (
        {"isolate": ["Ingress"],
         **_flows({"podSelector": _app("web")}, {"podSelector": _app("api")}, 8080)},
        _flow(ISOLATED, OUTSIDE, "all") | _flow(["shop/web"], ["shop/api"], "TCP 8080"),
    ),
    "database": (_database("shop"), _flow(["shop/client"], ["shop/db"], "TCP 5432")),
    "database-of-others": (_database("pay"), set()),
    # Neither its neighbours nor the front door reach a database by another line.
    "database-in-open-namespace": (
        _database("shop", sameNamespace=True),
        _flow(SHOP, NOT_DB, "all") | _flow(["shop/client"], ["shop/db"], "TCP 5432"),
    ),
    "database-behind-ingress": (
        _database("shop", ingressControllers=[{"namespaceSelector": TEAM["ops"]}]),
        _flow(["shop/client"], ["shop/db"], "TCP 5432")
        | _flow(["ingress/nginx", "monitoring/prom"], ["shop/web"], "TCP 8080"),
    ),
}  # fmt: skip


def _policy(network: Manifest, **spec: Any) -> Manifest:  # noqa: ANN401 -- any JSON
    return write_policy("strict", {"tier": "prod"}, network={"mode": "Enforce", **network}, **spec)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, frozenset[str]]:
    """Judge all the cases at once."""
    folder = tmp_path_factory.mktemp("tables")
    clusters = {
        name: _world().isolate([_policy(network)], folder)[0]
        for name, (network, _) in CASES.items()
    }
    return find_connections(clusters, folder)


@pytest.mark.parametrize("name", CASES)
def test_exactly_what_is_named_is_allowed(name: str, found: dict[str, frozenset[str]]) -> None:
    allowed = {each for each in found[name] if any(place in each for place in ISOLATED)}
    assert allowed == CASES[name][1]


def test_the_evaluator_tells_what_is_open(tmp_path: Path) -> None:
    bare = find_connections({"bare": _world().manifests}, tmp_path)["bare"]
    touching = {each for each in bare if any(place in each for place in ISOLATED)}
    assert touching == OPEN_IN | OPEN_OUT
