"""One policy's objects in one namespace: how each is named, explained, and whom it selects.

Every field is explicit, since server-side apply takes away only what we have once written.
https://kubernetes.io/docs/reference/kubernetes-api/policy-resources/network-policy-v1/
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from revet.core.model.meta import QUARANTINE_LABEL, Manifest
from revet.core.model.policy import HardeningPolicy
from revet.core.model.policy_network import Direction, Network
from revet.core.model.selector import LabelSelector, Operator, Requirement, join
from revet.core.network.facts import ClusterFacts, Place, PodPort
from revet.core.render.owned import owned_metadata
from revet.core.render.selector import render_selector

# NetworkPolicies add up: an allow that selected a quarantined pod would open it again.
_NOT_QUARANTINED: Final = Requirement(key=QUARANTINE_LABEL, operator=Operator.DOES_NOT_EXIST)
#: Where clouds hand out the node's identity; no rule of ours ever opens them.
METADATA_SERVICES: Final = frozenset({ip_address("169.254.169.254"), ip_address("fd00:ec2::254")})


@dataclass(frozen=True, slots=True)
class Scope:
    """A policy with a network, a namespace that it selects, and the cluster."""

    policy: HardeningPolicy
    network: Network
    place: Place
    cluster: ClusterFacts

    @property
    def directions(self) -> list[Direction]:
        """The directions that are isolated."""
        return [each for each in Direction if each in self.network.isolate]

    def isolates(self, direction: Direction) -> bool:
        """Return whether a direction is isolated: an allow in another would close the rest of it.

        A NetworkPolicy closes each direction that it speaks of, for all that it selects.
        """
        return direction in self.network.isolate

    def select(self, *narrower: LabelSelector) -> LabelSelector:
        """Return the selector of the policy's pods, or of some of them."""
        return reduce(join, narrower, self.policy.spec.pod_selector)

    def isolate(self, role: str, source: str) -> Manifest:
        """Write what denies everything in the isolated directions."""
        selector = render_selector(self.select())
        directions = [each.value for each in self.directions]
        return self._write(role, source, "", _spec(selector, directions))

    def allow(
        self,
        role: str,
        source: str,
        selector: LabelSelector,
        *,
        ingress: Sequence[Manifest] = (),
        egress: Sequence[Manifest] = (),
        about: str = "",
    ) -> Manifest:
        """Write what allows something to pods of the policy, unless they are in quarantine."""
        directions = [
            direction.value
            for direction, rules in ((Direction.INGRESS, ingress), (Direction.EGRESS, egress))
            if rules
        ]
        spec = _spec(render_selector(selector, [_NOT_QUARANTINED]), directions)
        return self._write(role, source, about, spec | {"ingress": [*ingress], "egress": [*egress]})

    def allow_entity(
        self, role: str, source: str, selector: LabelSelector, rules: Manifest, about: str = ""
    ) -> Manifest:
        """Write for Cilium what no address says there: its `ingress` or `egress` with entities.

        By the name of the NetworkPolicy that says it by addresses, and it adds up with that.
        """
        pods = render_selector(selector, [_NOT_QUARANTINED])
        written = self._write(role, source, about, {"endpointSelector": pods, **rules})
        return {**written, "apiVersion": "cilium.io/v2", "kind": "CiliumNetworkPolicy"}

    def _write(self, role: str, source: str, about: str, spec: Manifest) -> Manifest:
        return {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": owned_metadata(self.policy, self.place.name, role, source, about),
            "spec": spec,
        }


def render_addresses(ips: Iterable[str]) -> list[Manifest]:
    """Write IP addresses as peers, one each; the metadata services are left out.

    So is what is no address: an EndpointSlice may have names instead.
    """
    addresses = [each for each in map(_parse, ips) if each is not None]
    return [
        {"ipBlock": {"cidr": f"{each}/{each.max_prefixlen}"}}
        for each in addresses
        if each not in METADATA_SERVICES
    ]


def _parse(text: str) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address(text)
    except ValueError:
        return None
    if isinstance(found, IPv4Address):
        return found
    # An address of one link is no block; one of IPv4 in the clothes of IPv6 is what it stands for.
    return None if found.scope_id else found.ipv4_mapped or found


def render_ports(ports: Iterable[PodPort]) -> list[Manifest]:
    """Write ports of a rule."""
    return [{"protocol": each.protocol, "port": each.port} for each in ports]


def _spec(selector: Manifest, directions: list[str]) -> Manifest:
    return {"podSelector": selector, "policyTypes": directions, "ingress": [], "egress": []}
