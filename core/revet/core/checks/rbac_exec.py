"""rbac-exec: no role may open a shell or a tunnel into pods.

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
from revet.core.grants import EXEC
from revet.core.item import Item
from revet.core.model.rbac import Role
from revet.core.model.settings import Settings
from revet.core.permissions import ROLES, find_grants

_HINT: Final = "give pods/log instead, and open a shell in an incident only"


def _rbac_exec(item: Item[Role], settings: Settings) -> Iterator[Finding]:
    return find_grants("rbac-exec", item, settings, EXEC, _HINT)


CHECK = Check(
    id="rbac-exec",
    title="No shells by role",
    tier=1,
    items=(ItemRule(ROLES, _rbac_exec),),
    profiles=Profiles(Default.AUDIT, Default.WARN, Default.ENFORCE),
    parameters=(
        Parameter("allow", "Roles that are not judged, as NAME, or NAMESPACE/NAME for a Role."),
    ),
    explanation=Explanation(
        what="No rule allows create or get on pods/exec, pods/attach, pods/portforward, "
        "pods/proxy or services/proxy. From Kubernetes 1.35 get alone opens no shell any "
        "more; older servers still take it.",
        why="A shell in a pod is its files, its memory and its identity, and no admission control "
        "sees what is typed.",
        fix="""\
rules:
- apiGroups: [""]
  resources: [pods, pods/log]
  verbs: [get, list]""",
        breaks="Debugging by kubectl exec, and tools that copy files that way (kubectl cp).",
    ),
    supports=(("NSA/CISA", "C-0002"),),
)
