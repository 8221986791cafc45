"""rbac-public-subjects: no role is given to everybody.

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

_PUBLIC: Final = {
    ("User", "system:anonymous"),
    ("Group", "system:unauthenticated"),
    ("Group", "system:authenticated"),
    ("Group", "system:serviceaccounts"),
}


def _rbac_public_subjects(item: Item[Binding], settings: Settings) -> Iterator[Finding]:
    if is_allowed(item, settings):
        return
    for index, subject in enumerate(item.body.subjects or ()):
        is_public = (subject.kind, subject.name) in _PUBLIC
        if is_public and not is_bootstrap_subject(item, subject):
            yield Finding(
                "rbac-public-subjects",
                f"/subjects/{index}",
                f"{item.body.role_ref.name} is given to {subject.name}, must be given to some only",
                None,
                Fix("name the user, group or ServiceAccount that it is for"),
            )


CHECK = Check(
    id="rbac-public-subjects",
    title="Nothing for everybody",
    tier=1,
    items=(ItemRule(BINDINGS, _rbac_public_subjects),),
    profiles=Profiles(Default.ENFORCE, Default.ENFORCE, Default.ENFORCE),
    parameters=(Parameter("allow", "Bindings that are not judged, as NAME or NAMESPACE/NAME."),),
    explanation=Explanation(
        what="No binding names system:anonymous, system:unauthenticated, system:authenticated or "
        "system:serviceaccounts, beside those that Kubernetes makes itself.",
        why="The first two are the Internet wherever the API server is reached from it; the "
        "others are every pod of the cluster.",
        fix="""\
subjects:
- kind: Group
  apiGroup: rbac.authorization.k8s.io
  name: platform-team""",
        breaks="kubeadm's discovery of cluster-info, and public dashboards; name those bindings "
        "in allow.",
    ),
)
