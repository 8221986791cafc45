"""Which NetworkPolicies isolate what: apart, since several controls ask.

https://kubernetes.io/docs/concepts/services-networking/network-policies/
"""

from collections.abc import Iterator
from typing import Literal

from revet.core.check import Finding, Fix
from revet.core.item import Item
from revet.core.model.namespace import Namespace
from revet.core.model.network_policy import NetworkPolicy
from revet.core.model.pod import Pod

Direction = Literal["Ingress", "Egress"]


def find_no_default_deny(
    control: str, item: Item[Namespace], direction: Direction
) -> Iterator[Finding]:
    """Find a namespace without a NetworkPolicy that takes all pods and allows nothing."""
    name = item.metadata.name or ""
    seen = item.around.network_policies(name)
    if any(_denies_all(policy, direction) for policy in seen.items):
        return
    if not seen.is_all:
        needs = f"all NetworkPolicies of Namespace {name}"
        yield Finding.unknown(control, "/metadata/name", needs)
        return
    yield Finding(
        control,
        "/metadata/name",
        f"no NetworkPolicy denies {direction} of all pods by default",
        None,
        Fix(f"a NetworkPolicy with podSelector: {{}}, policyTypes: [{direction}], and no rules"),
    )


def is_isolated(pod: Pod, direction: Direction) -> bool | None:
    """Return whether a NetworkPolicy selects the pod in a direction; None: not known."""
    seen = pod.around.network_policies(pod.namespace)
    for policy in seen.items:
        if direction in policy.spec.directions and policy.spec.pod_selector.matches(pod.labels):
            return True
    return False if seen.is_all else None


def _denies_all(policy: NetworkPolicy, direction: Direction) -> bool:
    spec = policy.spec
    rules = spec.ingress if direction == "Ingress" else spec.egress
    return spec.pod_selector.is_empty and direction in spec.directions and not rules
