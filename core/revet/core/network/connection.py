"""The connections that a policy names: flows, monitoring and databases, all as one shape."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from revet.core.entry import named_namespaces, select_names
from revet.core.model.meta import DB_CLIENT_LABEL
from revet.core.model.policy import HardeningPolicySpec
from revet.core.model.policy_network import Network, Peer, Port
from revet.core.model.selector import LabelSelector, Operator, join

#: All pods, in each namespace that the policy selects.
_HERE: Final = Peer()


@dataclass(frozen=True, slots=True)
class Connection:
    """Who may connect to whom, and to which ports.

    Attributes:
        role: how its objects are named.
        source: the field of the policy that asks for it.
        clients: who connects.
        server: to whom.
        ports: the server's ports.

    """

    role: str
    source: str
    clients: tuple[Peer, ...]
    server: Peer
    ports: tuple[Port, ...]


def connections(network: Network) -> Iterator[Connection]:
    """Yield the connections that a policy names."""
    for flow in network.flows:
        source = f"spec.network.flows[{flow.name}]"
        yield Connection(f"flow-{flow.name}", source, (flow.from_,), flow.to, flow.ports)
    monitoring = network.allow.monitoring
    if monitoring is not None:
        source = "spec.network.allow.monitoring"
        yield Connection("monitoring", source, monitoring.from_, _HERE, monitoring.ports)
    for database in network.databases:
        labelled = LabelSelector(match_labels={DB_CLIENT_LABEL: database.name})
        clients = tuple(
            Peer(namespace_selector=each.namespace_selector, pod_selector=labelled)
            for each in database.clients
        )
        server = Peer(pod_selector=database.pod_selector)
        source = f"spec.network.databases[{database.name}]"
        yield Connection(f"database-{database.name}", source, clients, server, database.ports)


def list_namespace_selectors(network: Network) -> Iterator[LabelSelector]:
    """Yield what namespaces are let in by: who may change their labels lets in what it likes."""
    peers = [peer for each in connections(network) for peer in (*each.clients, each.server)]
    for peer in (*peers, *(network.allow.ingress_controllers or ())):
        if peer.namespace_selector is not None:
            yield peer.namespace_selector


def selected_namespaces(spec: HardeningPolicySpec, system: frozenset[str]) -> LabelSelector:
    """Return what selects exactly a policy's namespaces: system ones only where it names them."""
    selector = spec.namespace_selector
    if not system or named_namespaces(selector):
        return selector
    return join(selector, select_names(Operator.NOT_IN, sorted(system)))
