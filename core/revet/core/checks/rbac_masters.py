"""rbac-masters: no binding names system:masters, and no certificate is asked for that does.

Fields: subjects[*] of RoleBindings and ClusterRoleBindings, spec.request of
CertificateSigningRequests
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
from revet.core.model.signing_request import SigningRequest
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


def _rbac_masters_certificate(item: Item[SigningRequest], settings: Settings) -> Iterator[Finding]:
    group = _MASTERS[1]
    if is_allowed(item, settings) or item.body.is_refused or group not in item.body.groups:
        return
    yield Finding(
        "rbac-masters",
        "/spec/request",
        f"the certificate is to be of the group {group}, must be of another",
        None,
        Fix("ask for a group of your own (O= of the subject), and bind what it needs to that"),
    )


CHECK = Check(
    id="rbac-masters",
    title="Nothing for system:masters",
    tier=1,
    items=(
        ItemRule(BINDINGS, _rbac_masters),
        ItemRule(("CertificateSigningRequest",), _rbac_masters_certificate),
    ),
    profiles=Profiles(Default.WARN, Default.ENFORCE, Default.ENFORCE),
    parameters=(Parameter("allow", "What is not judged, as NAME or NAMESPACE/NAME."),),
    explanation=Explanation(
        what="No binding names the group system:masters, but the one that Kubernetes makes, and no "
        "CertificateSigningRequest asks for a certificate of that group. Requests are judged by "
        "the audit and by `revet check` alone: nodes make some while nothing else is up.",
        why="Its members are let through before RBAC is asked, and no binding that is deleted "
        "takes anything from them. A certificate of the group is good till it expires.",
        fix="""\
subjects:
- kind: Group
  apiGroup: rbac.authorization.k8s.io
  name: cluster-admins""",
        breaks="Nothing that works: the group needs no binding.",
    ),
    supports=(("CIS Kubernetes 1.10", "5.1.7"),),
)
