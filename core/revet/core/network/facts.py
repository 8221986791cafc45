"""What a policy's NetworkPolicies depend on beside the policy: the cluster, and one namespace.

Frozen values, so that what has not changed is seen to be the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from revet.core.model.selector import LabelSelector

#: Pairs of key and value that a pod must have, in the order of the keys.
Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, order=True)
class PodPort:
    """A port of a pod: its number, or the name that the pod gives to it."""

    protocol: str
    port: int | str


@dataclass(frozen=True, slots=True)
class Addresses:
    """Ports of addresses that belong to no pod, as IP addresses without a prefix."""

    ips: tuple[str, ...]
    ports: tuple[PodPort, ...]


@dataclass(frozen=True, slots=True)
class Backend:
    """The pods behind a Service, with those of their ports that somebody calls.

    Attributes:
        service: the Service's name.
        selector: the labels of its pods.
        ports: of the pods, not of the Service.

    """

    service: str
    selector: Labels
    ports: tuple[PodPort, ...]


@dataclass(frozen=True, slots=True)
class Dns:
    """The cluster's DNS: the labels of its pods in kube-system, their ports, and its addresses."""

    selector: Labels
    ports: tuple[PodPort, ...]
    service: Addresses


@dataclass(frozen=True, slots=True)
class ClusterFacts:
    """What is the same in all namespaces.

    Attributes:
        dns: None where its Service was not found.
        api_server: where it listens, and where from it calls.
        api_service: its Service, by which pods call it.
        system: the namespaces that no policy selects that does not name them.
        has_cilium: whether CiliumNetworkPolicies are written, too.

    """

    dns: Dns | None = None
    api_server: tuple[Addresses, ...] = ()
    api_service: Addresses | None = None
    system: frozenset[str] = frozenset()
    has_cilium: bool = False


@dataclass(frozen=True, slots=True)
class Opener:
    """A NetworkPolicy of somebody else's that opens a direction to everybody."""

    name: str
    direction: Literal["Ingress", "Egress"]


@dataclass(frozen=True, slots=True)
class HostPod:
    """A pod on the network of its node, where no NetworkPolicy holds and no selector finds it."""

    name: str
    labels: Labels


@dataclass(frozen=True, slots=True)
class DatabaseClient:
    """A pod with the label of a database's clients, and whose it is."""

    name: str
    account: str
    database: str


@dataclass(frozen=True, slots=True)
class NamespaceFacts:
    """What is so in one namespace.

    Attributes:
        api_clients: the labels of the pods that have a token which is bound to a role.
        api_unclear: which of them no label tells from a pod without, in words.
        called: the pods that the API server calls: webhooks and aggregated APIs.
        exposed: the pods that an Ingress leads to.
        unclear: what else of it can't be told, in words.
        openers: other people's NetworkPolicies that open it.
        on_host: the pods on the host network.
        database_clients: the pods that say they are.

    """

    api_clients: tuple[Labels, ...] = ()
    api_unclear: tuple[str, ...] = ()
    called: tuple[Backend, ...] = ()
    exposed: tuple[Backend, ...] = ()
    unclear: tuple[str, ...] = ()
    openers: tuple[Opener, ...] = ()
    on_host: tuple[HostPod, ...] = ()
    database_clients: tuple[DatabaseClient, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """A namespace in which NetworkPolicies are written."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    facts: NamespaceFacts = NamespaceFacts()


NO_FACTS: Final = ClusterFacts()


def as_selector(labels: Labels) -> LabelSelector:
    """Return the selector of pods with these labels."""
    # Not checked again: labels that stand are good, and may be more than a policy may name.
    return LabelSelector.model_construct(match_labels=dict(labels), match_expressions=())
