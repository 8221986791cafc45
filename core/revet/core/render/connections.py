"""The NetworkPolicies of connections: each end is written where its namespace is selected."""

from collections.abc import Iterator

from revet.core.model.meta import Manifest
from revet.core.model.policy_network import Direction, Peer
from revet.core.model.selector import LabelSelector, compile_selector
from revet.core.network.connection import Connection, connections, selected_namespaces
from revet.core.network.facts import PodPort
from revet.core.render.allowance import Scope, render_ports
from revet.core.render.selector import render_selector

_ALL: LabelSelector = LabelSelector()


def allow_connections(scope: Scope) -> Iterator[Manifest]:
    """Write the ends of connections that are in this namespace."""
    for connection in connections(scope.network):
        if scope.isolates(Direction.INGRESS):
            yield from _server_end(scope, connection)
        if scope.isolates(Direction.EGRESS):
            yield from _client_ends(scope, connection)


def _server_end(scope: Scope, connection: Connection) -> Iterator[Manifest]:
    server = connection.server
    if not _is_here(scope, server):
        return
    peers = [render_peer(scope, client, server) for client in connection.clients]
    yield scope.allow(
        f"{connection.role}-to",
        connection.source,
        scope.select(server.pod_selector or _ALL),
        ingress=[{"from": peers, "ports": _ports(connection)}],
    )


def _client_ends(scope: Scope, connection: Connection) -> Iterator[Manifest]:
    for number, client in enumerate(connection.clients):
        if _is_here(scope, client):
            peer = render_peer(scope, connection.server, client)
            yield scope.allow(
                f"{connection.role}-from-{number}",
                connection.source,
                scope.select(client.pod_selector or _ALL),
                egress=[{"to": [peer], "ports": _ports(connection)}],
            )


def render_peer(scope: Scope, peer: Peer, other: Peer) -> Manifest:
    """Write a peer as it is seen from the other end of its connection."""
    pods = render_selector(peer.pod_selector or _ALL)
    if peer.namespace_selector is not None:
        namespaces = peer.namespace_selector
    elif other.namespace_selector is None:
        return {"podSelector": pods}
    else:
        namespaces = selected_namespaces(scope.policy.spec, scope.cluster.system)
    return {"namespaceSelector": render_selector(namespaces), "podSelector": pods}


def _is_here(scope: Scope, peer: Peer) -> bool:
    selector = peer.namespace_selector
    return selector is None or compile_selector(selector)(scope.place.labels)


def _ports(connection: Connection) -> list[Manifest]:
    return render_ports(PodPort("TCP", each.port) for each in connection.ports)
