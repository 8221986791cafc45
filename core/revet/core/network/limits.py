"""What NetworkPolicies can't say of what a policy asks for, and what opens what they close.

Said in words, for the status: what could not be expressed is no guess, and no secret.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from revet.core.model.policy import HardeningPolicy
from revet.core.model.policy_network import ApiServerAccess, Direction, Network, Peer
from revet.core.model.selector import Labels, LabelSelector, compile_selector
from revet.core.network.connection import connections
from revet.core.network.exclusion import select_none_of
from revet.core.network.facts import ClusterFacts, HostPod, NamespaceFacts

_ALL = LabelSelector()


@dataclass(slots=True)
class Surroundings:
    """What there is beside the policy.

    Attributes:
        cluster: what is the same everywhere.
        labels: of every namespace.
        isolated: the namespaces in which the policy's NetworkPolicies are written.
        facts: of any namespace.
    """

    cluster: ClusterFacts
    labels: Mapping[str, Labels]
    isolated: Iterable[str]
    facts: Callable[[str], NamespaceFacts]


@dataclass(slots=True)
class Limits:
    """What falls short: `weaker` is not or not only as asked for, `opened` by somebody else.

    Neither is known while there is something `unlisted`; where that `is_refused` it stays so.
    """

    weaker: list[str] = field(default_factory=list)
    opened: list[str] = field(default_factory=list)
    unlisted: list[str] = field(default_factory=list)
    is_refused: bool = False


def find_limits(policy: HardeningPolicy, around: Surroundings) -> Limits:
    """Find what falls short of what a policy asks for."""
    network = policy.spec.network
    if network is None:
        return Limits()
    names = sorted(around.isolated)
    limits = Limits([*_of_cluster(network, around.cluster), *_of_databases(network)])
    limits.weaker += _of_connections(network, around, frozenset(names))
    limits.weaker += _of_labels(network, around)
    matches = compile_selector(policy.spec.pod_selector)
    for name in names:
        facts = around.facts(name)
        told = _of_namespace(network, around.cluster, facts)
        limits.weaker += (f"{name}: {each}" for each in told)
        hosts = [each for each in facts.on_host if matches(dict(each.labels))]
        limits.weaker += (f"{name}: {each}" for each in _of_hosts(hosts))
        limits.opened += (
            f"{name}: NetworkPolicy {each.name} opens {each.direction} (netpol-too-wide)"
            for each in facts.openers
            if each.direction in network.isolate
        )
    return limits


def _of_cluster(network: Network, cluster: ClusterFacts) -> Iterator[str]:
    allow = network.allow
    if Direction.EGRESS in network.isolate and allow.dns and cluster.dns is None:
        yield (
            "allow.dns: there is no Service kube-system/kube-dns with a selector, so port 53 of"
            " Pods with k8s-app: kube-dns is taken for the DNS"
        )
    asks = Direction.EGRESS in network.isolate and allow.api_server is not ApiServerAccess.DISABLED
    if asks and not cluster.api_server:
        yield "allow.apiServer: no EndpointSlice of Service default/kubernetes tells its addresses"


def _of_databases(network: Network) -> Iterator[str]:
    selectors = [each.pod_selector for each in network.databases]
    if select_none_of(selectors) is not None:
        return
    for asked, field_name in (
        (network.allow.same_namespace, "sameNamespace"),
        (network.allow.ingress_controllers is not None, "ingressControllers"),
    ):
        if asked:
            yield (
                f"allow.{field_name}: connections to pods that are no database take too many"
                " selectors, so none is allowed: select the databases by fewer labels"
            )


def _of_namespace(network: Network, cluster: ClusterFacts, facts: NamespaceFacts) -> Iterator[str]:
    allow = network.allow
    if Direction.EGRESS in network.isolate and allow.api_server is ApiServerAccess.BOUND:
        yield from (f"allow.apiServer: {each}; it stays closed" for each in facts.api_unclear)
    if Direction.INGRESS not in network.isolate:
        return
    yield from facts.unclear
    if allow.aggregated_apis and not cluster.has_cilium:
        from_ = ", ".join(ip for each in cluster.api_server for ip in each.ips) or "nowhere"
        for each in facts.called:
            yield (
                f"Service {each.service} is open to {from_}, where the API server listens; where"
                " it calls from elsewhere (a tunnel, konnectivity), add a NetworkPolicy of yours"
            )


def _of_hosts(hosts: Sequence[HostPod]) -> Iterator[str]:
    if hosts:
        more = f" and {len(hosts) - 1} more" if len(hosts) > 1 else ""
        yield f"Pod {hosts[0].name}{more} on the host network: no NetworkPolicy holds there"


def _of_labels(network: Network, around: Surroundings) -> Iterator[str]:
    """Find pods that carry the label of a database's clients, and had it before it was guarded."""
    for database in network.databases:
        clients = [
            (compile_selector(each.namespace_selector), each.service_accounts)
            for each in database.clients
        ]
        for name, labels in sorted(around.labels.items()):
            accounts = [each for matches, listed in clients if matches(labels) for each in listed]
            if not accounts:
                continue
            for pod in around.facts(name).database_clients:
                if pod.database == database.name and pod.account not in accounts:
                    yield (
                        f"databases[{database.name}]: Pod {name}/{pod.name} of"
                        f" ServiceAccount {pod.account}, which is not listed, has its label"
                    )


def _of_connections(
    network: Network, around: Surroundings, isolated: frozenset[str]
) -> Iterator[str]:
    for connection in connections(network):
        what = connection.source.removeprefix("spec.network.")
        for peer in (*connection.clients, connection.server):
            yield from _of_peer(what, peer, around, isolated)
    for peer in network.allow.ingress_controllers or ():
        # Their own egress is no business of this line: where it leads, each Ingress says.
        yield from _of_peer("allow.ingressControllers", peer, around, frozenset())


def _of_peer(
    what: str, peer: Peer, around: Surroundings, isolated: frozenset[str]
) -> Iterator[str]:
    """Say where only our end is written, and which pods a selector does not reach."""
    if peer.namespace_selector is None:
        return
    takes_namespace = compile_selector(peer.namespace_selector)
    takes_pod = compile_selector(peer.pod_selector or _ALL)
    found = [name for name, labels in around.labels.items() if takes_namespace(labels)]
    foreign = sorted(set(found) - isolated)
    if foreign:
        more = f" and {len(foreign) - 1} more" if len(foreign) > 1 else ""
        yield f"{what}: only our end is written, not that in {foreign[0]}{more}"
    for name in sorted(found):
        for pod in around.facts(name).on_host:
            if takes_pod(dict(pod.labels)):
                yield (
                    f"{what}: Pod {name}/{pod.name} is on the host network, where no"
                    " selector finds it: its connections stay closed"
                )
