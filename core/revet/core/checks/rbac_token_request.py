"""rbac-token-request: no role may make tokens of every ServiceAccount.

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
from revet.core.grants import TOKEN_REQUEST
from revet.core.item import Item
from revet.core.model.rbac import Role
from revet.core.model.settings import Settings
from revet.core.permissions import ROLES, find_grants

_HINT: Final = "name the ServiceAccount: resourceNames: [NAME]"


def _rbac_token_request(item: Item[Role], settings: Settings) -> Iterator[Finding]:
    return find_grants("rbac-token-request", item, settings, TOKEN_REQUEST, _HINT)


CHECK = Check(
    id="rbac-token-request",
    title="No tokens for others",
    tier=1,
    items=(ItemRule(ROLES, _rbac_token_request),),
    profiles=Profiles(Default.WARN, Default.ENFORCE, Default.ENFORCE),
    parameters=(
        Parameter("allow", "Roles that are not judged, as NAME, or NAMESPACE/NAME for a Role."),
    ),
    explanation=Explanation(
        what="No rule allows create on serviceaccounts/token without naming the ServiceAccount.",
        why="Who may ask for tokens is any ServiceAccount of the namespace, for as long as the "
        "token lasts.",
        fix="""\
rules:
- apiGroups: [""]
  resources: [serviceaccounts/token]
  resourceNames: [backup]
  verbs: [create]""",
        breaks="Operators and controllers that ask for it; name their roles in allow, with a "
        "reason.",
    ),
    supports=(("CIS Kubernetes 1.10", "5.1.13"),),
)
