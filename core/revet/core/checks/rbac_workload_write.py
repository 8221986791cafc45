"""rbac-workload-write: few roles may create or change workloads.

Fields: rules[*] of Roles and ClusterRoles
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
from revet.core.grants import WORKLOAD_WRITE
from revet.core.item import Item
from revet.core.model.rbac import Role
from revet.core.model.settings import Settings
from revet.core.permissions import ROLES, find_grants

_HINT: Final = "let a deployment pipeline hold this right, and nobody else"


def _rbac_workload_write(item: Item[Role], settings: Settings) -> Iterator[Finding]:
    return find_grants("rbac-workload-write", item, settings, WORKLOAD_WRITE, _HINT)


CHECK = Check(
    id="rbac-workload-write",
    title="No free making of workloads",
    tier=1,
    items=(ItemRule(ROLES, _rbac_workload_write),),
    profiles=Profiles(Default.AUDIT, Default.AUDIT, Default.WARN),
    parameters=(
        Parameter("allow", "Roles that are not judged, as NAME, or NAMESPACE/NAME for a Role."),
    ),
    explanation=Explanation(
        what="No rule allows create, update or patch on Pods and the kinds that make them.",
        why="Who makes a pod in a namespace may run as every ServiceAccount of it and mount every "
        "Secret of it.",
        fix="""\
rules:
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, list, watch]      # reading; changes come by the pipeline""",
        breaks="Whoever deploys by hand, and every controller that makes pods.",
    ),
    supports=(("CIS Kubernetes 1.10", "5.1.4"),),
)
