"""rbac-cluster-admin: nobody is bound to cluster-admin but by Kubernetes, and no role is its copy.

Fields: roleRef of RoleBindings and ClusterRoleBindings, rules[*] of Roles and ClusterRoles
"""

from collections.abc import Iterator
from typing import Final

from revet.core.bootstrap_rbac import is_bootstrap_subject
from revet.core.check import (
    Check,
    Default,
    Explanation,
    Finding,
    Fix,
    ItemRule,
    Parameter,
    Profiles,
)
from revet.core.item import Item
from revet.core.model.rbac import Binding, Role
from revet.core.model.settings import Settings
from revet.core.permissions import ALL, BINDINGS, ROLES, is_allowed, judged_rules

_ROLE: Final = "cluster-admin"


def _on_bindings(item: Item[Binding], settings: Settings) -> Iterator[Finding]:
    role = item.body.role_ref
    if role.name != _ROLE or role.kind != "ClusterRole" or is_allowed(item, settings):
        return
    for index, subject in enumerate(item.body.subjects or ()):
        if not is_bootstrap_subject(item, subject):
            yield Finding(
                "rbac-cluster-admin",
                f"/subjects/{index}",
                f"{subject.kind} {subject.name} gets {_ROLE}, must get a role of its own",
                None,
                Fix("bind a role with the rights that are used"),
            )


def _on_roles(item: Item[Role], settings: Settings) -> Iterator[Finding]:
    for index, rule in judged_rules(item, settings):
        parts = (rule.verbs, rule.api_groups, rule.resources)
        if all(ALL in (part or ()) for part in parts) and not rule.resource_names:
            yield Finding(
                "rbac-cluster-admin",
                f"/rules/{index}",
                f"allows everything on everything, as {_ROLE} does",
                None,
                Fix("list the verbs and resources that are used"),
            )


CHECK = Check(
    id="rbac-cluster-admin",
    title="No further cluster admins",
    tier=1,
    items=(ItemRule(BINDINGS, _on_bindings), ItemRule(ROLES, _on_roles)),
    profiles=Profiles(Default.AUDIT, Default.WARN, Default.ENFORCE),
    parameters=(
        Parameter("allow", "Bindings and roles that are not judged, as NAME or NAMESPACE/NAME."),
    ),
    explanation=Explanation(
        what="No RoleBinding or ClusterRoleBinding gives cluster-admin to anybody; the binding "
        "that Kubernetes makes for system:masters is exempt by its content. No other role has a "
        "rule with * for verbs, API groups and resources.",
        why="cluster-admin is everything, everywhere, now and later. What one tool or one person "
        "needs is never that.",
        fix="""\
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: view                # or a role of its own""",
        breaks="Installers that bind themselves so, and administrators; name their bindings in "
        "allow, and let people come by groups.",
    ),
    supports=(
        ("CIS Kubernetes 1.10", "5.1.1"),
        ("NIST 800-190", "4.3.1"),
    ),
)
