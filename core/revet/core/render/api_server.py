"""The NetworkPolicies of what the cluster itself calls: the API server, webhooks, Ingresses."""

from collections.abc import Iterable, Iterator
from typing import Final

from revet.core.model.meta import Manifest
from revet.core.model.policy_network import ApiServerAccess, Direction, Peer
from revet.core.model.selector import LabelSelector
from revet.core.network.exclusion import select_none_of
from revet.core.network.facts import Backend, PodPort, as_selector
from revet.core.render.allowance import Scope, render_addresses, render_ports
from revet.core.render.connections import render_peer
from revet.core.render.isolation_names import shorten

_HERE: Final = Peer()
_API_SOURCE: Final = "spec.network.allow.apiServer"
#: By this Cilium knows the API server, wherever it is; its rules for addresses pass over nodes.
#: https://docs.cilium.io/en/stable/security/policy/language/#entities-based
_ENTITY: Final = "kube-apiserver"


def allow_api_server(scope: Scope) -> Iterator[Manifest]:
    """Write who may reach the API server: those that have a token which is of some use there."""
    access = scope.network.allow.api_server
    reached = [
        each for each in (*scope.cluster.api_server, scope.cluster.api_service) if each is not None
    ]
    rules: list[Manifest] = [
        {"to": peers, "ports": render_ports(each.ports)}
        for each in reached
        if (peers := render_addresses(each.ips))
    ]
    if access is ApiServerAccess.DISABLED or not scope.isolates(Direction.EGRESS) or not rules:
        return
    ports = dict.fromkeys(port for each in reached for port in each.ports)
    entity: Manifest = {"egress": [{"toEntities": [_ENTITY], "toPorts": _cilium_ports(ports)}]}
    for role, selector, about in _api_clients(scope, access):
        yield scope.allow(role, _API_SOURCE, selector, egress=rules, about=about)
        if scope.cluster.has_cilium:
            yield scope.allow_entity(role, _API_SOURCE, selector, entity, about)


def _api_clients(scope: Scope, access: ApiServerAccess) -> Iterator[tuple[str, LabelSelector, str]]:
    """Yield whom to select: the role of the object, the selector, and in words what it is about."""
    if access is ApiServerAccess.ALL:
        yield "api-server", scope.select(), ""
        return
    for labels in scope.place.facts.api_clients:
        written = ",".join(f"{key}={value}" for key, value in labels)
        selector = scope.select(as_selector(labels))
        yield f"api-server-{shorten(written)}", selector, f"Pods {written}"


def allow_calls(scope: Scope) -> Iterator[Manifest]:
    """Write that the API server may reach the webhooks and aggregated APIs that run here."""
    peers = [peer for each in scope.cluster.api_server for peer in render_addresses(each.ips)]
    if not scope.network.allow.aggregated_apis or not scope.isolates(Direction.INGRESS):
        return
    source = "spec.network.allow.aggregatedApis"
    for each in scope.place.facts.called:
        selector = scope.select(as_selector(each.selector))
        role, about = f"called-{shorten(each.service)}", f"Service {each.service}"
        if peers:
            rule: Manifest = {"from": peers, "ports": render_ports(each.ports)}
            yield scope.allow(role, source, selector, ingress=[rule], about=about)
        if scope.cluster.has_cilium:
            entity = {"fromEntities": [_ENTITY], "toPorts": _cilium_ports(each.ports)}
            yield scope.allow_entity(role, source, selector, {"ingress": [entity]}, about)


def _cilium_ports(ports: Iterable[PodPort]) -> list[Manifest]:
    """Write ports as Cilium has them: numbers and names as texts."""
    listed = [{"port": str(each.port), "protocol": each.protocol} for each in ports]
    return [{"ports": listed}]


def allow_exposed(scope: Scope) -> Iterator[Manifest]:
    """Write that ingress controllers may reach what an Ingress exposes, but for databases."""
    controllers = scope.network.allow.ingress_controllers
    apart = select_none_of([each.pod_selector for each in scope.network.databases])
    if controllers is None or apart is None or not scope.isolates(Direction.INGRESS):
        return
    peers = [render_peer(scope, each, _HERE) for each in controllers]
    for backend in scope.place.facts.exposed:
        rule: Manifest = {"from": peers, "ports": render_ports(backend.ports)}
        for number, each in enumerate(apart):
            yield scope.allow(
                _exposed_role(backend, number if scope.network.databases else None),
                "spec.network.allow.ingressControllers",
                scope.select(as_selector(backend.selector), each),
                ingress=[rule],
                about=f"Service {backend.service}",
            )


def _exposed_role(backend: Backend, number: int | None) -> str:
    role = f"exposed-{shorten(backend.service)}"
    return role if number is None else f"{role}-{number}"
