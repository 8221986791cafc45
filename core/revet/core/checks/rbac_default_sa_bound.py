"""rbac-default-sa-bound: no role is given to a ServiceAccount named default.

Fields: subjects[*] of RoleBindings and ClusterRoleBindings
"""

from collections.abc import Iterator
from typing import Final

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
from revet.core.model.rbac import Binding, Subject
from revet.core.model.settings import Settings
from revet.core.permissions import BINDINGS, is_allowed

_USER: Final = "system:serviceaccount:"
_GROUP: Final = "system:serviceaccounts:"


def _rbac_default_sa_bound(item: Item[Binding], settings: Settings) -> Iterator[Finding]:
    if is_allowed(item, settings):
        return
    for index, subject in enumerate(item.body.subjects or ()):
        whom = _who(subject, item.metadata.namespace or "")
        if whom:
            yield Finding(
                "rbac-default-sa-bound",
                f"/subjects/{index}",
                f"{item.body.role_ref.name} is given to {whom}, must be given to another",
                None,
                Fix("make a ServiceAccount for the workload, and name it in pod and binding"),
            )


def _who(subject: Subject, namespace: str) -> str:
    """Return the default ServiceAccount that a subject is or holds, by whichever of its names."""
    kind, name = subject.kind, subject.name
    if kind == "ServiceAccount" and name == "default":
        return f"{subject.namespace or namespace}/default"
    if kind == "User" and name.startswith(_USER) and name.endswith(":default"):
        return name
    if kind == "Group" and name.startswith(_GROUP):
        return f"all ServiceAccounts of {name.removeprefix(_GROUP)}, default among them"
    return ""


CHECK = Check(
    id="rbac-default-sa-bound",
    title="The default ServiceAccount has no rights",
    tier=1,
    items=(ItemRule(BINDINGS, _rbac_default_sa_bound),),
    profiles=Profiles(Default.WARN, Default.ENFORCE, Default.ENFORCE),
    parameters=(Parameter("allow", "Bindings that are not judged, as NAME or NAMESPACE/NAME."),),
    explanation=Explanation(
        what="No binding names a ServiceAccount called default, be it as the user "
        "system:serviceaccount:NAMESPACE:default or in the group system:serviceaccounts:NAMESPACE.",
        why="Every pod that names none runs as it, so whatever it may do, all of them may.",
        fix="""\
subjects:
- kind: ServiceAccount
  namespace: shop
  name: api""",
        breaks="Old charts that bind the default ServiceAccount.",
    ),
    supports=(
        ("CIS Kubernetes 1.10", "5.1.5"),
        ("Kubernetes STIG", "V-242381"),
    ),
)
