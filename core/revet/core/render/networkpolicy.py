"""The NetworkPolicies of one policy in one namespace: default deny, and what is allowed besides."""

from collections.abc import Iterator
from typing import Final

from revet.core.model.meta import Manifest
from revet.core.model.policy import HardeningPolicy
from revet.core.model.policy_network import Direction, Switch
from revet.core.model.selector import LabelSelector
from revet.core.network.exclusion import select_none_of
from revet.core.network.facts import NO_FACTS, Addresses, ClusterFacts, Dns, Place, PodPort
from revet.core.render.allowance import Scope, render_addresses, render_ports
from revet.core.render.api_server import allow_api_server, allow_calls, allow_exposed
from revet.core.render.connections import allow_connections
from revet.core.render.quarantine import quarantines

# Where NodeLocal DNSCache listens on each node, beside the address of the Service:
# https://kubernetes.io/docs/tasks/administer-cluster/nodelocaldns/
_NODE_LOCAL_DNS: Final = "169.254.20.10"
_DNS_PORTS: Final = (PodPort("UDP", 53), PodPort("TCP", 53))
#: What nearly every cluster has, where its Service can't be read.
_USUAL_DNS: Final = Dns((("k8s-app", "kube-dns"),), _DNS_PORTS, Addresses((), _DNS_PORTS))


def network_policies(
    policy: HardeningPolicy, place: Place, cluster: ClusterFacts = NO_FACTS
) -> list[Manifest]:
    """Return the NetworkPolicies that `policy` asks for in a namespace that it selects.

    The default deny comes first.
    """
    network = policy.spec.network
    quarantine = quarantines(policy, place.name)
    if network is None or network.mode is not Switch.ENFORCE:
        return quarantine
    scope = Scope(policy, network, place, cluster)
    return [
        *quarantine,
        scope.isolate("isolate", "spec.network.isolate"),
        *_dns(scope),
        *_same_namespace(scope),
        *allow_api_server(scope),
        *allow_calls(scope),
        *allow_exposed(scope),
        *allow_connections(scope),
    ]


def _dns(scope: Scope) -> Iterator[Manifest]:
    if not scope.network.allow.dns or not scope.isolates(Direction.EGRESS):
        return
    dns = scope.cluster.dns or _USUAL_DNS
    pods: Manifest = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
        "podSelector": {"matchLabels": dict(dns.selector)},
    }
    # A network may judge before or after the Service's address has become a pod's, and the cache
    # on the node takes that address for itself.
    addresses = render_addresses((_NODE_LOCAL_DNS, *dns.service.ips))
    rules: list[Manifest] = [
        {"to": [pods], "ports": render_ports(dns.ports)},
        {"to": addresses, "ports": render_ports(dns.service.ports)},
    ]
    yield scope.allow("dns", "spec.network.allow.dns", scope.select(), egress=rules)


def _same_namespace(scope: Scope) -> Iterator[Manifest]:
    if not scope.network.allow.same_namespace:
        return
    source = "spec.network.allow.sameNamespace"
    within: list[Manifest] = [{"podSelector": {}}]
    ingress = [{"from": within}] if scope.isolates(Direction.INGRESS) else []
    egress = [{"to": within}] if scope.isolates(Direction.EGRESS) else []
    # A database is open to its clients only, also within its namespace.
    databases = [each.pod_selector for each in scope.network.databases]
    if not databases:
        yield scope.allow("same-namespace", source, scope.select(), ingress=ingress, egress=egress)
        return
    if egress:
        yield scope.allow("same-namespace", source, scope.select(), egress=egress)
    apart: list[LabelSelector] = select_none_of(databases) or []
    for number, each in enumerate(apart):
        role = f"same-namespace-to-{number}"
        yield scope.allow(role, source, scope.select(each), ingress=ingress)
