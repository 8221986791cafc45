"""rbac-default-sa-bound: no role is given to a ServiceAccount named default.

Fields: subjects[*] of RoleBindings and ClusterRoleBindings
"""

from collections.abc import Iterator

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


def _rbac_default_sa_bound(item: Item[Binding], settings: Settings) -> Iterator[Finding]:
    if is_allowed(item, settings):
        return
    for index, subject in enumerate(item.body.subjects or ()):
        if subject.kind == "ServiceAccount" and subject.name == "default":
            namespace = subject.namespace or item.metadata.namespace or ""
            yield Finding(
                "rbac-default-sa-bound",
                f"/subjects/{index}",
                f"{item.body.role_ref.name} is given to {namespace}/default, must be to another",
                None,
                Fix("make a ServiceAccount for the workload, and name it in pod and binding"),
            )


CHECK = Check(
    id="rbac-default-sa-bound",
    title="The default ServiceAccount has no rights",
    tier=1,
    items=(ItemRule(BINDINGS, _rbac_default_sa_bound),),
    profiles=Profiles(Default.WARN, Default.ENFORCE, Default.ENFORCE),
    parameters=(Parameter("allow", "Bindings that are not judged, as NAME or NAMESPACE/NAME."),),
    explanation=Explanation(
        what="No binding names a ServiceAccount called default.",
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
