"""rbac-node-proxy: no role may talk to kubelets through nodes/proxy.

Fields: rules[*] of ClusterRoles; in a Role it would allow nothing
"""

from collections.abc import Iterator
from typing import Final

from revet.core.check import (
    Check,
    Default,
    Explanation,
    Finding,
    ItemRule,
    Parameter,
    Profiles,
)
from revet.core.grants import NODE_PROXY
from revet.core.item import Item
from revet.core.model.rbac import Role
from revet.core.model.settings import Settings
from revet.core.permissions import find_grants

_HINT: Final = "ask for nodes/metrics, nodes/stats, nodes/log or nodes/pods instead"


def _rbac_node_proxy(item: Item[Role], settings: Settings) -> Iterator[Finding]:
    return find_grants("rbac-node-proxy", item, settings, NODE_PROXY, _HINT)


CHECK = Check(
    id="rbac-node-proxy",
    title="No kubelet by way of the API",
    tier=1,
    items=(ItemRule(("ClusterRole",), _rbac_node_proxy),),
    profiles=Profiles(Default.WARN, Default.ENFORCE, Default.ENFORCE),
    parameters=(Parameter("allow", "ClusterRoles that are not judged, by name."),),
    explanation=Explanation(
        what="No rule allows get or create on nodes/proxy, not of a named node either.",
        why="The kubelet runs commands in any container of its node for whoever holds it, get "
        "included (by WebSocket), past admission and past the audit log.",
        fix="""\
rules:
- apiGroups: [""]
  resources: [nodes/metrics, nodes/stats]      # KubeletFineGrainedAuthz
  verbs: [get]""",
        breaks="Monitoring agents that still ask for nodes/proxy; newer versions of them do with "
        "less.",
    ),
    supports=(("CIS Kubernetes 1.10", "5.1.10"),),
)
