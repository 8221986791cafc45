"""rbac-ephemeral-containers: no role may add containers to running pods.

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
from revet.core.grants import EPHEMERAL_CONTAINERS
from revet.core.item import Item
from revet.core.model.rbac import Role
from revet.core.model.settings import Settings
from revet.core.permissions import ROLES, find_grants

_HINT: Final = "take pods/ephemeralcontainers out of the rule"


def _rbac_ephemeral_containers(item: Item[Role], settings: Settings) -> Iterator[Finding]:
    return find_grants("rbac-ephemeral-containers", item, settings, EPHEMERAL_CONTAINERS, _HINT)


CHECK = Check(
    id="rbac-ephemeral-containers",
    title="No debug containers by role",
    tier=1,
    items=(ItemRule(ROLES, _rbac_ephemeral_containers),),
    profiles=Profiles(Default.AUDIT, Default.WARN, Default.ENFORCE),
    parameters=(
        Parameter("allow", "Roles that are not judged, as NAME, or NAMESPACE/NAME for a Role."),
    ),
    explanation=Explanation(
        what="No rule allows update or patch on pods/ephemeralcontainers.",
        why="An ephemeral container of one's own choice runs beside the others, with the pod's "
        "identity and volumes.",
        fix="""\
rules:
- apiGroups: [""]
  resources: [pods, pods/log]
  verbs: [get, list]""",
        breaks="kubectl debug by those who hold the role.",
    ),
)
