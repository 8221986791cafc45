"""service-node-port: Services open no port on the nodes.

Fields: spec.type of Services
Allowed: types other than NodePort; Services that the policy names
"""

from collections.abc import Iterator

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
from revet.core.item import Item
from revet.core.model.service import Service
from revet.core.model.settings import Settings
from revet.core.permissions import is_allowed


def _service_node_port(item: Item[Service], settings: Settings) -> Iterator[Finding]:
    if item.body.spec.type == "NodePort" and not is_allowed(item, settings):
        yield Finding(
            "service-node-port",
            "/spec/type",
            "type is NodePort, must be ClusterIP",
            None,
            Fix("type: ClusterIP, with an Ingress or a Gateway in front"),
        )


CHECK = Check(
    id="service-node-port",
    title="No node ports",
    tier=2,
    items=(ItemRule(("Service",), _service_node_port),),
    profiles=Profiles(Default.AUDIT, Default.WARN, Default.ENFORCE),
    parameters=(Parameter("allow", "Services that may have one, as NAMESPACE/NAME."),),
    explanation=Explanation(
        what="No Service is of type NodePort, but those that the policy names.",
        why="A node port is open on every node, to whoever reaches a node, past the load balancer "
        "and whatever guards it.",
        fix="""\
spec:
  type: ClusterIP""",
        breaks="Load balancers outside of the cluster that lead to node ports; name those "
        "Services in allow.",
    ),
)
