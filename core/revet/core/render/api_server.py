"""The NetworkPolicies of what the cluster itself calls: the API server, webhooks, Ingresses."""

from collections.abc import Iterator

from revet.core.model.meta import Manifest
from revet.core.model.policy_network import ApiServerAccess, Direction, Peer
from revet.core.network.exclusion import select_none_of
from revet.core.network.facts import Backend, as_selector
from revet.core.render.allowance import Scope, render_addresses, render_ports
from revet.core.render.connections import render_peer
from revet.core.render.isolation_names import shorten

_HERE = Peer()


def allow_api_server(scope: Scope) -> Iterator[Manifest]:
    """Write who may reach the API server: those that have a token which is of some use there."""
    access = scope.network.allow.api_server
    rules: list[Manifest] = [
        {"to": peers, "ports": render_ports(each.ports)}
        for each in (*scope.cluster.api_server, scope.cluster.api_service)
        if each is not None and (peers := render_addresses(each.ips))
    ]
    if access is ApiServerAccess.DISABLED or not scope.isolates(Direction.EGRESS) or not rules:
        return
    source = "spec.network.allow.apiServer"
    if access is ApiServerAccess.ALL:
        yield scope.allow("api-server", source, scope.select(), egress=rules)
        return
    for labels in scope.place.facts.api_clients:
        written = ",".join(f"{key}={value}" for key, value in labels)
        role = f"api-server-{shorten(written)}"
        selector = scope.select(as_selector(labels))
        yield scope.allow(role, source, selector, egress=rules, about=f"Pods {written}")


def allow_calls(scope: Scope) -> Iterator[Manifest]:
    """Write that the API server may reach the webhooks and aggregated APIs that run here."""
    peers = [peer for each in scope.cluster.api_server for peer in render_addresses(each.ips)]
    if not scope.network.allow.aggregated_apis or not scope.isolates(Direction.INGRESS):
        return
    if not peers:
        return
    source = "spec.network.allow.aggregatedApis"
    for each in scope.place.facts.called:
        rule: Manifest = {"from": peers, "ports": render_ports(each.ports)}
        selector = scope.select(as_selector(each.selector))
        about = f"Service {each.service}"
        role = f"called-{shorten(each.service)}"
        yield scope.allow(role, source, selector, ingress=[rule], about=about)


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
