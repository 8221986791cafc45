"""service-load-balancer: a load balancer is internal, or says whom it serves.

Fields: spec.type, spec.loadBalancerSourceRanges and annotations of Services
Allowed: other types; an internal one, source ranges, or Services that the policy names
"""

from collections.abc import Iterator, Mapping
from typing import Final

from revet.core.check import (
    Check,
    Default,
    Explanation,
    Finding,
    Fix,
    ItemRule,
    Parameter,
    Profiles,
)
from revet.core.cidr import find_everybody
from revet.core.item import Item
from revet.core.model.service import Service
from revet.core.model.settings import Settings
from revet.core.permissions import is_allowed

#: By which the clouds' controllers are told to make an internal one.
_INTERNAL: Final = {
    "networking.gke.io/load-balancer-type": "internal",
    "cloud.google.com/load-balancer-type": "internal",
    "service.beta.kubernetes.io/azure-load-balancer-internal": "true",
    "service.beta.kubernetes.io/aws-load-balancer-internal": "true",
    "service.beta.kubernetes.io/aws-load-balancer-scheme": "internal",
    "service.beta.kubernetes.io/openstack-internal-load-balancer": "true",
}
#: What counts where spec.loadBalancerSourceRanges is empty.
_RANGES: Final = "service.beta.kubernetes.io/load-balancer-source-ranges"


def _service_load_balancer(item: Item[Service], settings: Settings) -> Iterator[Finding]:
    spec = item.body.spec
    if spec.type != "LoadBalancer" or is_allowed(item, settings):
        return
    annotations = item.metadata.annotations or {}
    if _is_internal(annotations):
        return
    given = spec.load_balancer_source_ranges or annotations.get(_RANGES, "").split(",")
    ranges = [each.strip() for each in given if each.strip()]
    wide = find_everybody(ranges)
    if not ranges or wide:
        told = f"has {', '.join(wide)}" if wide else "is not set"
        yield Finding(
            "service-load-balancer",
            "/spec/loadBalancerSourceRanges",
            f"loadBalancerSourceRanges {told}: the load balancer serves everybody",
            None,
            Fix("loadBalancerSourceRanges: [10.0.0.0/8], or your cloud's annotation for internal"),
        )


def _is_internal(annotations: Mapping[str, str]) -> bool:
    """Return whether every annotation that says something of it says internal, and one does.

    Which of two that differ counts depends on the cloud, which is not seen from here.
    """
    said = [
        annotations[key].lower() == value for key, value in _INTERNAL.items() if key in annotations
    ]
    return bool(said) and all(said)


CHECK = Check(
    id="service-load-balancer",
    title="Load balancers are limited",
    tier=2,
    items=(ItemRule(("Service",), _service_load_balancer),),
    profiles=Profiles(Default.AUDIT, Default.WARN, Default.ENFORCE),
    parameters=(Parameter("allow", "Services that may serve everybody, as NAMESPACE/NAME."),),
    explanation=Explanation(
        what="A Service of type LoadBalancer carries a cloud's annotation for an internal one "
        "and none that says otherwise, or loadBalancerSourceRanges that are not everybody, or is "
        "named by the policy.",
        why="A load balancer is on the Internet by default, with whatever listens behind it.",
        fix="""\
metadata:
  annotations: {networking.gke.io/load-balancer-type: Internal}
spec:
  type: LoadBalancer
  loadBalancerSourceRanges: [10.0.0.0/8]""",
        breaks="Public front doors; name them in allow.",
    ),
)
