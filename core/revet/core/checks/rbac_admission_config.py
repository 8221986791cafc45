"""rbac-admission-config: no role may change what admission asks.

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
from revet.core.grants import ADMISSION_CONFIG
from revet.core.item import Item
from revet.core.model.rbac import Role
from revet.core.model.settings import Settings
from revet.core.permissions import find_grants

_HINT: Final = "take the rule out, or name the objects by resourceNames"


def _rbac_admission_config(item: Item[Role], settings: Settings) -> Iterator[Finding]:
    return find_grants("rbac-admission-config", item, settings, ADMISSION_CONFIG, _HINT)


CHECK = Check(
    id="rbac-admission-config",
    title="Admission is not for everybody",
    tier=1,
    items=(ItemRule(("ClusterRole",), _rbac_admission_config),),
    profiles=Profiles(Default.WARN, Default.ENFORCE, Default.ENFORCE),
    parameters=(Parameter("allow", "ClusterRoles that are not judged, by name."),),
    explanation=Explanation(
        what="No rule allows writing webhook configurations, admission policies or their bindings "
        "without naming them.",
        why="Who writes them sees every object that is made, may change it on its way, and may "
        "switch off whatever guards the cluster.",
        fix="""\
rules:
- apiGroups: [admissionregistration.k8s.io]
  resources: [validatingwebhookconfigurations]
  resourceNames: [my-operator]
  verbs: [get, update, patch]""",
        breaks="Operators that install webhooks of their own (cert-manager's CA injector, Istio); "
        "name their roles in allow.",
    ),
    supports=(("CIS Kubernetes 1.10", "5.1.12"),),
)
