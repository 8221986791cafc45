"""NetworkPolicies as the checks read them (networking.k8s.io/v1).

https://kubernetes.io/docs/reference/kubernetes-api/policy-resources/network-policy-v1/
"""

from collections.abc import Mapping

import msgspec

from revet.core.model.wire import Wire


class Expression(Wire, frozen=True, gc=False):
    """A requirement on labels."""

    key: str = ""
    operator: str = ""
    values: tuple[str, ...] | None = None

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Return whether labels meet it; an operator that there is not is never met."""
        value, values = labels.get(self.key), self.values or ()
        match self.operator:
            case "In":
                return value is not None and value in values
            case "NotIn":
                return value is None or value not in values
            case "Exists":
                return value is not None
            case "DoesNotExist":
                return value is None
            case _:
                return False


class Selector(Wire, frozen=True, gc=False):
    """A label selector; empty: everything."""

    match_labels: dict[str, str] | None = None
    match_expressions: tuple[Expression, ...] | None = None

    @property
    def is_empty(self) -> bool:
        """Whether it selects everything, by saying nothing."""
        return not self.match_labels and not self.match_expressions

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Return whether labels are selected."""
        return (self.match_labels or {}).items() <= labels.items() and all(
            each.matches(labels) for each in self.match_expressions or ()
        )


class IPBlock(Wire, frozen=True, gc=False):
    """Addresses, and what of them is left out, as CIDRs."""

    cidr: str = ""
    excluded: tuple[str, ...] | None = msgspec.field(name="except", default=None)


class Peer(Wire, frozen=True, gc=False):
    """The other end of a connection."""

    pod_selector: Selector | None = None
    namespace_selector: Selector | None = None
    ip_block: IPBlock | None = None


class PolicyPort(Wire, frozen=True, gc=False):
    """A port, or a range of them; no port: all."""

    port: int | str | None = None
    end_port: int | None = None
    protocol: str | None = None


class IngressRule(Wire, frozen=True, gc=False):
    """Who may connect; nobody named: everybody."""

    peers: tuple[Peer, ...] | None = msgspec.field(name="from", default=None)
    ports: tuple[PolicyPort, ...] | None = None


class EgressRule(Wire, frozen=True, gc=False):
    """Where to connect; nobody named: everywhere."""

    peers: tuple[Peer, ...] | None = msgspec.field(name="to", default=None)
    ports: tuple[PolicyPort, ...] | None = None


class NetworkPolicySpec(Wire, frozen=True, gc=False):
    """A NetworkPolicy's spec."""

    pod_selector: Selector = Selector()
    policy_types: tuple[str, ...] | None = None
    ingress: tuple[IngressRule, ...] | None = None
    egress: tuple[EgressRule, ...] | None = None

    @property
    def directions(self) -> tuple[str, ...]:
        """The directions in which it isolates; the API server fills in what is left out."""
        return self.policy_types or (("Ingress", "Egress") if self.egress else ("Ingress",))

    @property
    def ingress_in_force(self) -> tuple[IngressRule, ...]:
        """The rules for ingress, unless policyTypes leaves it out."""
        return (self.ingress or ()) if "Ingress" in (self.policy_types or ("Ingress",)) else ()

    @property
    def egress_in_force(self) -> tuple[EgressRule, ...]:
        """The rules for egress, unless policyTypes leaves it out."""
        return (self.egress or ()) if "Egress" in (self.policy_types or ("Egress",)) else ()


class NetworkPolicy(Wire, frozen=True, gc=False):
    """A NetworkPolicy, but for its metadata."""

    spec: NetworkPolicySpec = NetworkPolicySpec()
