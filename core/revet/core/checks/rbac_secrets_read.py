"""rbac-secrets-read: no role may read every Secret.

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
from revet.core.grants import SECRETS_READ
from revet.core.item import Item
from revet.core.model.rbac import Role
from revet.core.model.settings import Settings
from revet.core.permissions import ROLES, find_grants

_HINT: Final = "name the Secrets: resourceNames: [NAME]"


def _rbac_secrets_read(item: Item[Role], settings: Settings) -> Iterator[Finding]:
    return find_grants("rbac-secrets-read", item, settings, SECRETS_READ, _HINT)


CHECK = Check(
    id="rbac-secrets-read",
    title="No reading of all Secrets",
    tier=1,
    items=(ItemRule(ROLES, _rbac_secrets_read),),
    profiles=Profiles(Default.AUDIT, Default.WARN, Default.ENFORCE),
    parameters=(
        Parameter("allow", "Roles that are not judged, as NAME, or NAMESPACE/NAME for a Role."),
    ),
    explanation=Explanation(
        what="No rule allows get, list or watch on Secrets without naming them by resourceNames. "
        "list and watch give away the contents as get does.",
        why="Who reads all Secrets of a namespace has its database passwords and, by token "
        "Secrets, its identities; cluster-wide that is every identity there is.",
        fix="""\
rules:
- apiGroups: [""]
  resources: [secrets]
  resourceNames: [app-config]
  verbs: [get]""",
        breaks="Operators and controllers that ask for it; name their roles in allow, with a "
        "reason.",
    ),
    supports=(
        ("CIS Kubernetes 1.10", "5.1.2"),
        ("Kubernetes STIG", "V-274884"),
        ("NIST 800-190", "4.3.1"),
    ),
)
