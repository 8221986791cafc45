"""rbac-aggregate: what is added to view, edit and admin is no more than those mean.

Fields: labels rbac.authorization.k8s.io/aggregate-to-{view,edit,admin} and rules[*] of ClusterRoles
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
from revet.core.item import Item
from revet.core.model.rbac import Role
from revet.core.model.settings import Settings
from revet.core.permissions import (
    ADMISSION,
    AUTHENTICATION,
    CERTIFICATES,
    CORE,
    RBAC,
    Grant,
    find_grants,
)

_LABELS: Final = tuple(
    f"rbac.authorization.k8s.io/aggregate-to-{role}" for role in ("view", "edit", "admin")
)
_WRITE: Final = ("create", "update", "patch")
_GRANTS: Final = (
    Grant(CORE, ("nodes/proxy", "pods/exec", "pods/attach", "pods/portforward"), ("get", "create")),
    Grant(CORE, ("secrets",), ("get", "list", "watch")),
    Grant(CORE, ("serviceaccounts/token",), ("create",)),
    Grant(CORE, ("users", "groups", "serviceaccounts"), ("impersonate",)),
    Grant(CORE, ("namespaces", "pods/ephemeralcontainers", "persistentvolumes"), _WRITE),
    Grant(AUTHENTICATION, ("uids", "userextras"), ("impersonate",)),
    Grant(RBAC, ("roles", "clusterroles"), ("escalate", "bind")),
    Grant(RBAC, ("rolebindings", "clusterrolebindings"), _WRITE),
    Grant(CERTIFICATES, ("certificatesigningrequests/approval",), ("update", "patch")),
    Grant(ADMISSION, ("validatingwebhookconfigurations", "mutatingwebhookconfigurations"), _WRITE),
)
_HINT: Final = "bind this role by itself, to whom it is for"


def _rbac_aggregate(item: Item[Role], settings: Settings) -> Iterator[Finding]:
    labels = item.metadata.labels or {}
    if any(labels.get(label) == "true" for label in _LABELS):
        yield from find_grants("rbac-aggregate", item, settings, _GRANTS, _HINT)


CHECK = Check(
    id="rbac-aggregate",
    title="Nothing strong comes by aggregation",
    tier=1,
    items=(ItemRule(("ClusterRole",), _rbac_aggregate),),
    profiles=Profiles(Default.WARN, Default.WARN, Default.ENFORCE),
    parameters=(
        Parameter("allow", "Roles that are not judged, as NAME, or NAMESPACE/NAME for a Role."),
    ),
    explanation=Explanation(
        what="A ClusterRole that is labelled to be added to view, edit or admin allows nothing "
        "that another control of roles finds.",
        why="Everybody who holds view or edit anywhere holds it from then on, and no binding "
        "shows it.",
        fix="""\
metadata:
  labels: {}        # without rbac.authorization.k8s.io/aggregate-to-...""",
        breaks="Charts that add the rights on their own resources are not meant; those that add "
        "exec or Secrets are.",
    ),
)
