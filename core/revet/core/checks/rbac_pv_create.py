"""rbac-pv-create: no role may make PersistentVolumes.

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
from revet.core.grants import PV_CREATE
from revet.core.item import Item
from revet.core.model.rbac import Role
from revet.core.model.settings import Settings
from revet.core.permissions import find_grants

_HINT: Final = "let StorageClasses make volumes"


def _rbac_pv_create(item: Item[Role], settings: Settings) -> Iterator[Finding]:
    return find_grants("rbac-pv-create", item, settings, PV_CREATE, _HINT)


CHECK = Check(
    id="rbac-pv-create",
    title="No volumes of one's own",
    tier=1,
    items=(ItemRule(("ClusterRole",), _rbac_pv_create),),
    profiles=Profiles(Default.AUDIT, Default.WARN, Default.ENFORCE),
    parameters=(Parameter("allow", "ClusterRoles that are not judged, by name."),),
    explanation=Explanation(
        what="No rule allows create on PersistentVolumes, not by name either.",
        why="A PersistentVolume may be a hostPath: the node's files by the back door, past every "
        "control on pods.",
        fix="""\
rules:
- apiGroups: [""]
  resources: [persistentvolumeclaims]
  verbs: [create]""",
        breaks="Provisioners outside of kube-system; name their roles in allow.",
    ),
    supports=(("CIS Kubernetes 1.10", "5.1.9"),),
)
