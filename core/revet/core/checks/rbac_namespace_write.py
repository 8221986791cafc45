"""rbac-namespace-write: no role may change namespaces.

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
from revet.core.grants import NAMESPACE_WRITE
from revet.core.item import Item
from revet.core.model.rbac import Role
from revet.core.model.settings import Settings
from revet.core.permissions import ROLES, find_grants

_HINT: Final = "take update and patch out, or name the namespace by resourceNames"


def _rbac_namespace_write(item: Item[Role], settings: Settings) -> Iterator[Finding]:
    return find_grants("rbac-namespace-write", item, settings, NAMESPACE_WRITE, _HINT)


CHECK = Check(
    id="rbac-namespace-write",
    title="Labels of namespaces are kept",
    tier=1,
    items=(ItemRule(ROLES, _rbac_namespace_write),),
    profiles=Profiles(Default.AUDIT, Default.WARN, Default.ENFORCE),
    parameters=(
        Parameter("allow", "Roles that are not judged, as NAME, or NAMESPACE/NAME for a Role."),
    ),
    explanation=Explanation(
        what="No rule allows update or patch on namespaces, their status or finalize, without "
        "naming them.",
        why="Labels of a namespace say which Pod Security level, which NetworkPolicies and which "
        "policies hold in it.",
        fix="""\
rules:
- apiGroups: [""]
  resources: [namespaces]
  verbs: [get, list, watch]""",
        breaks="Operators and controllers that ask for it; name their roles in allow, with a "
        "reason.",
    ),
)
