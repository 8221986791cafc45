"""rbac-impersonate: no role may act as somebody else.

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
from revet.core.grants import IMPERSONATE, IMPERSONATE_IN_NAMESPACE
from revet.core.item import Item
from revet.core.model.rbac import Role
from revet.core.model.settings import Settings
from revet.core.permissions import ROLES, find_grants

_HINT: Final = "name whom: resourceNames: [NAME], or take the rule out"


def _rbac_impersonate(item: Item[Role], settings: Settings) -> Iterator[Finding]:
    grants = IMPERSONATE if item.kind == "ClusterRole" else IMPERSONATE_IN_NAMESPACE
    return find_grants("rbac-impersonate", item, settings, grants, _HINT)


CHECK = Check(
    id="rbac-impersonate",
    title="No acting as others",
    tier=1,
    items=(ItemRule(ROLES, _rbac_impersonate),),
    profiles=Profiles(Default.WARN, Default.ENFORCE, Default.ENFORCE),
    parameters=(
        Parameter("allow", "Roles that are not judged, as NAME, or NAMESPACE/NAME for a Role."),
    ),
    explanation=Explanation(
        what="No rule allows impersonate, or one of the constrained verbs of Kubernetes 1.36 "
        "(impersonate:user-info and so on, KEP-5284), without naming whom; system:masters and its "
        "like are not to be named either. impersonate-on:... only limits what those are good for, "
        "and is not looked at.",
        why="Who may impersonate is whoever there is, cluster admins among them, and the audit "
        "log has to be read twice to see it.",
        fix="""\
rules:
- apiGroups: [""]
  resources: [serviceaccounts]
  resourceNames: [deployer]
  verbs: [impersonate]""",
        breaks="Operators and controllers that ask for it; name their roles in allow, with a "
        "reason. Authenticating proxies need it.",
    ),
    supports=(("CIS Kubernetes 1.10", "5.1.8"),),
)
