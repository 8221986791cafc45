"""rbac-escalate-bind: no role may give away more than its holder has.

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
from revet.core.grants import ESCALATE_BIND
from revet.core.item import Item
from revet.core.model.rbac import Role
from revet.core.model.settings import Settings
from revet.core.permissions import ROLES, find_grants

_HINT: Final = "name the roles that may be given: resourceNames, with the verb bind"


def _rbac_escalate_bind(item: Item[Role], settings: Settings) -> Iterator[Finding]:
    return find_grants("rbac-escalate-bind", item, settings, ESCALATE_BIND, _HINT)


CHECK = Check(
    id="rbac-escalate-bind",
    title="No rights above one's own",
    tier=1,
    items=(ItemRule(ROLES, _rbac_escalate_bind),),
    profiles=Profiles(Default.WARN, Default.ENFORCE, Default.ENFORCE),
    parameters=(
        Parameter("allow", "Roles that are not judged, as NAME, or NAMESPACE/NAME for a Role."),
    ),
    explanation=Explanation(
        what="No rule allows escalate or bind on roles, or writing bindings, without naming them; "
        "cluster-admin is not to be named either. "
        "Kubernetes lets nobody give more than they have; these verbs are the way round "
        "that.",
        why="Who may bind any role, or write any role, is one request away from cluster-admin.",
        fix="""\
rules:
- apiGroups: [rbac.authorization.k8s.io]
  resources: [clusterroles]
  resourceNames: [view]
  verbs: [bind]""",
        breaks="Operators and controllers that ask for it; name their roles in allow, with a "
        "reason.",
    ),
    supports=(
        ("CIS Kubernetes 1.10", "5.1.8"),
        ("NIST 800-190", "4.3.1"),
    ),
)
