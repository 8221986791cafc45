"""rbac-masters: no binding names system:masters.

Fields: subjects[*] of RoleBindings and ClusterRoleBindings
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
from revet.core.model.rbac import Binding
from revet.core.model.settings import Settings
from revet.core.permissions import BINDINGS, is_allowed

_MASTERS: Final = ("Group", "system:masters")


def _rbac_masters(item: Item[Binding], settings: Settings) -> Iterator[Finding]:
    if is_allowed(item, settings):
        return
    for index, subject in enumerate(item.body.subjects or ()):
        if (subject.kind, subject.name) == _MASTERS and not is_bootstrap_subject(item, subject):
            yield Finding(
                "rbac-masters",
                f"/subjects/{index}",
                f"{item.body.role_ref.name} is given to {subject.name}, must be given to another",
                None,
                Fix("bind a group of your own; members of system:masters pass by RBAC anyway"),
            )


CHECK = Check(
    id="rbac-masters",
    title="Nothing for system:masters",
    tier=1,
    items=(ItemRule(BINDINGS, _rbac_masters),),
    profiles=Profiles(Default.WARN, Default.ENFORCE, Default.ENFORCE),
    parameters=(Parameter("allow", "Bindings that are not judged, as NAME or NAMESPACE/NAME."),),
    explanation=Explanation(
        what="No binding names the group system:masters, but the one that Kubernetes makes.",
        why="Its members are let through before RBAC is asked, and no binding that is deleted "
        "takes anything from them.",
        fix="""\
subjects:
- kind: Group
  apiGroup: rbac.authorization.k8s.io
  name: cluster-admins""",
        breaks="Nothing that works: the group needs no binding.",
    ),
    supports=(("CIS Kubernetes 1.10", "5.1.7"),),
)
