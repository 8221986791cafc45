"""rbac-csr: no role may have certificates signed for anybody.

Fields: rules[*] of ClusterRoles; in a Role it would allow nothing
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
from revet.core.grants import CSR
from revet.core.item import Item
from revet.core.model.rbac import Role
from revet.core.model.settings import Settings
from revet.core.permissions import find_grants

_HINT: Final = "name the signer: resourceNames: [example.com/my-signer]"


def _rbac_csr(item: Item[Role], settings: Settings) -> Iterator[Finding]:
    return find_grants("rbac-csr", item, settings, CSR, _HINT)


CHECK = Check(
    id="rbac-csr",
    title="No client certificates by role",
    tier=1,
    items=(ItemRule(("ClusterRole",), _rbac_csr),),
    profiles=Profiles(Default.WARN, Default.ENFORCE, Default.ENFORCE),
    parameters=(Parameter("allow", "ClusterRoles that are not judged, by name."),),
    explanation=Explanation(
        what="No rule allows approve or sign on signers without naming one that signs no client "
        "certificates. Writing certificatesigningrequests/approval or /status does nothing without "
        "that right, and is not looked at.",
        why="A client certificate may name any user and any group, system:masters among them, and "
        "cannot be taken back.",
        fix="""\
rules:
- apiGroups: [certificates.k8s.io]
  resources: [signers]
  resourceNames: [example.com/my-signer]
  verbs: [approve, sign]""",
        breaks="Approvers of kubelets' certificates outside of kube-system; name their roles in "
        "allow.",
    ),
    supports=(("CIS Kubernetes 1.10", "5.1.11"),),
)
