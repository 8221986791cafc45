"""rbac-cluster-admin: nobody is bound to cluster-admin but by Kubernetes, and no role is its copy.

Fields: roleRef of RoleBindings and ClusterRoleBindings, with the rules of that role; rules[*] and
aggregationRule of Roles and ClusterRoles
"""

from collections.abc import Iterator
from typing import Final

from revet.core.aggregation import find_cluster_admin, taken_in
from revet.core.bootstrap_rbac import is_bootstrap_subject
from revet.core.bootstrap_rbac import place as title
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
from revet.core.model.rbac import Binding, PolicyRule, Role
from revet.core.model.settings import Settings
from revet.core.permissions import (
    AGGREGATION,
    ALL,
    BINDINGS,
    ROLES,
    find_unseen,
    is_allowed,
    judged_rules,
)
from revet.core.surroundings import Surroundings

_ROLE: Final = "cluster-admin"
#: Kubernetes' own that people bind; whoever does not see the cluster knows what is in them.
_KUBERNETES: Final = frozenset(
    {
        "ClusterRole admin",
        "ClusterRole edit",
        "ClusterRole view",
        "ClusterRole system:auth-delegator",
        "Role kube-system/extension-apiserver-authentication-reader",
    }
)


def _on_bindings(item: Item[Binding], settings: Settings) -> Iterator[Finding]:
    subjects = item.body.subjects or ()
    if not subjects or is_allowed(item, settings):
        return
    role = item.body.role_ref
    right = _right(item)
    if right is None:
        needs = title(role.kind, _home(item), role.name)
        yield Finding.unknown("rbac-cluster-admin", "/roleRef/name", needs)
        return
    for index, subject in enumerate(subjects):
        if right and not is_bootstrap_subject(item, subject):
            told = f"{subject.kind} {subject.name} gets {right}, must get a role of its own"
            yield _found(f"/subjects/{index}", told, "bind a role with the rights that are used")


def _right(item: Item[Binding]) -> str | None:
    """Return the role that a binding gives, if it allows everything; None: not known."""
    role = item.body.role_ref
    is_cluster_role = role.kind == "ClusterRole"
    if is_cluster_role and role.name == _ROLE:
        return _ROLE
    seen = item.around.role(role.kind, item.metadata.namespace or "", role.name)
    for body in seen.items:
        if _is_all_powerful(body, item.around):
            return f"{role.kind} {role.name}, which allows everything"
    if any(body.selectors for body in seen.items) and not item.around.is_cluster:
        return None
    # A role that is not there gives nothing; the one that may come is judged itself.
    if seen.items or seen.is_all or title(role.kind, _home(item), role.name) in _KUBERNETES:
        return ""
    return None


def _is_all_powerful(role: Role, around: Surroundings) -> bool:
    if find_cluster_admin(role) is not None:
        return True
    roles = (role, *taken_in(role, around).values())
    return any(_allows_all(rule) for each in roles for rule in each.rules or ())


def _home(item: Item[Binding]) -> str:
    """Return the namespace of the role; empty for a ClusterRole."""
    return "" if item.body.role_ref.kind == "ClusterRole" else item.metadata.namespace or ""


def _allows_all(rule: PolicyRule) -> bool:
    parts = (rule.verbs, rule.api_groups, rule.resources)
    return all(ALL in (part or ()) for part in parts) and not rule.resource_names


def _on_roles(item: Item[Role], settings: Settings) -> Iterator[Finding]:
    strong = [each for each in judged_rules(item, settings) if each.allows_all]
    for rights in strong:
        told = f"{rights.origin}allows everything on everything, as {_ROLE} does"
        yield _found(rights.pointer, told, "list the verbs and resources that are used")
    if strong or is_allowed(item, settings):
        return
    # What it takes in may not be written into it yet.
    selector = find_cluster_admin(item.body)
    if selector is not None:
        place = f"{AGGREGATION}/clusterRoleSelectors/{selector}"
        yield _found(place, f"takes in {_ROLE}", "select by a label that you give yourself")
    else:
        yield from find_unseen("rbac-cluster-admin", item, settings)


def _found(pointer: str, message: str, hint: str) -> Finding:
    return Finding("rbac-cluster-admin", pointer, message, None, Fix(hint))


CHECK = Check(
    id="rbac-cluster-admin",
    title="No further cluster admins",
    tier=1,
    items=(ItemRule(BINDINGS, _on_bindings), ItemRule(ROLES, _on_roles)),
    profiles=Profiles(Default.AUDIT, Default.WARN, Default.ENFORCE),
    needs=frozenset({"Role", "ClusterRole"}),
    parameters=(
        Parameter("allow", "Bindings and roles that are not judged, as NAME or NAMESPACE/NAME."),
    ),
    explanation=Explanation(
        what="No RoleBinding or ClusterRoleBinding gives anybody cluster-admin, or another "
        "role that allows everything; the binding that Kubernetes makes for system:masters is "
        "exempt by its content. No other role has a rule with * for verbs, API groups and "
        "resources, or takes in cluster-admin by an aggregationRule, as an empty selector does.",
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
