"""ClusterRoles that take in the rules of others, as far as those are seen.

In a cluster its controller has written them into `rules`. A manifest shows the selectors alone.
https://kubernetes.io/docs/reference/access-authn-authz/rbac/#aggregated-clusterroles
"""

from collections.abc import Mapping
from typing import Final

from revet.core.model.rbac import Role
from revet.core.surroundings import Surroundings

#: What Kubernetes labels cluster-admin by.
_CLUSTER_ADMIN: Final = {"kubernetes.io/bootstrapping": "rbac-defaults"}


def taken_in(role: Role, around: Surroundings) -> Mapping[str, Role]:
    """Return the roles whose rules a role has beside its own, by name, however far the way there.

    Empty where it is a cluster's: they have been written into its own rules.
    """
    found: dict[str, Role] = {}
    if around.is_cluster:
        return found
    waiting = [role]
    while waiting:
        for name, each in around.select_roles(waiting.pop().selectors):
            if name not in found:
                found[name] = each
                waiting.append(each)
    return found


def find_cluster_admin(role: Role) -> int | None:
    """Return which of a role's selectors takes in cluster-admin, as an empty one does."""
    for index, selector in enumerate(role.selectors):
        if selector.matches(_CLUSTER_ADMIN):
            return index
    return None
