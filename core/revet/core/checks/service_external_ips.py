"""service-external-ips: Services name no external IPs.

Fields: spec.externalIPs of Services
Allowed: none
"""

from collections.abc import Iterator

from revet.core.check import (
    Check,
    Default,
    Explanation,
    Finding,
    Fix,
    ItemRule,
    Profiles,
)
from revet.core.item import Item
from revet.core.model.service import Service
from revet.core.model.settings import Settings


def _service_external_ips(item: Item[Service], _: Settings) -> Iterator[Finding]:
    addresses = item.body.spec.external_ips
    if addresses:
        yield Finding(
            "service-external-ips",
            "/spec/externalIPs",
            f"externalIPs has {', '.join(addresses)}, must be empty",
            None,
            Fix("use type: LoadBalancer, or an Ingress"),
        )


CHECK = Check(
    id="service-external-ips",
    title="No external IPs",
    tier=1,
    items=(ItemRule(("Service",), _service_external_ips),),
    profiles=Profiles(Default.ENFORCE, Default.ENFORCE, Default.ENFORCE),
    explanation=Explanation(
        what="No Service sets externalIPs.",
        why="Whoever may make a Service takes over any address with it, for all pods of the "
        "cluster (CVE-2020-8554). Kubernetes itself warns about the field from 1.36 on.",
        fix="""\
spec:
  type: LoadBalancer      # no externalIPs""",
        breaks="Clusters without load balancer that lead traffic in so; MetalLB and the like do "
        "it safely.",
    ),
)
