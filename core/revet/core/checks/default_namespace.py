"""default-namespace: nothing is made in the namespace default.

Fields: metadata.namespace of Pods, workloads, Services, Ingresses, Roles and RoleBindings
Allowed: any but default
"""

from collections.abc import Iterator
from typing import Any, Final

from revet.core.check import (
    Check,
    Default,
    Explanation,
    Finding,
    Fix,
    ItemRule,
    Profiles,
    Revision,
)
from revet.core.item import Item
from revet.core.model.pod import Pod
from revet.core.model.settings import Settings
from revet.core.model.version import KubeVersion
from revet.core.pointer import NAMESPACE

_FIX: Final = Fix("metadata: {namespace: NAME}")
#: What Kubernetes makes there itself.
_OWN: Final = {("Service", "kubernetes")}


def _default_namespace(pod: Pod) -> Iterator[Finding]:
    if pod.namespace == "default":
        yield _found()


def _on_items(item: Item[Any], _: Settings) -> Iterator[Finding]:
    metadata = item.metadata
    if metadata.namespace == "default" and (item.kind, metadata.name) not in _OWN:
        yield _found()


def _found() -> Finding:
    told = "namespace is default, must be one of the workload's own"
    return Finding("default-namespace", NAMESPACE, told, None, _FIX)


CHECK = Check(
    id="default-namespace",
    title="Nothing in the namespace default",
    tier=3,
    revisions=(Revision(KubeVersion(1, 0), _default_namespace),),
    items=(ItemRule(("Service", "Ingress", "Role", "RoleBinding"), _on_items),),
    profiles=Profiles(Default.AUDIT, Default.WARN, Default.ENFORCE),
    explanation=Explanation(
        what="Pods, workloads, Services, Ingresses, Roles and RoleBindings are in a namespace "
        "other than default.",
        why="Nobody owns default: what is there has the rights, the quotas and the "
        "NetworkPolicies of nobody in particular.",
        fix="""\
metadata:
  namespace: shop""",
        breaks="Everything that was ever applied without a namespace.",
    ),
    supports=(
        ("CIS Kubernetes 1.10", "5.7.4"),
        ("Kubernetes STIG", "V-242383"),
    ),
)
