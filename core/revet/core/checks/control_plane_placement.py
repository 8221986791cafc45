"""control-plane-placement: pods let the scheduler choose, and stay off the control plane.

Fields: spec.nodeName, spec.tolerations[*], spec.nodeSelector, spec.affinity.nodeAffinity
Allowed: no nodeName; no toleration of every taint or of the control plane's
"""

from collections.abc import Iterator
from typing import Final

from revet.core.check import (
    Check,
    Default,
    Explanation,
    Finding,
    Fix,
    Profiles,
    Revision,
)
from revet.core.model.pod import Pod
from revet.core.model.version import KubeVersion
from revet.core.pointer import join

#: Taints and labels of the control plane's nodes: kubeadm's, its older one, and Rancher's.
_ROLES: Final = frozenset(
    f"node-role.kubernetes.io/{role}"
    for role in ("control-plane", "master", "controlplane", "etcd")
)
#: All other operators ask for the label, with whatever value.
_EXCLUDING: Final = {"NotIn", "DoesNotExist"}
_TERMS: Final = (
    "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms"
)


def _control_plane_placement(pod: Pod) -> Iterator[Finding]:
    spec = pod.spec
    for index, toleration in enumerate(spec.tolerations or ()):
        if not toleration.key or toleration.key in _ROLES:
            told = toleration.key or f"every taint {toleration.effect or ''}".rstrip()
            yield _found(f"/spec/tolerations/{index}", f"toleration of {told}, must be of others")
    for key in spec.node_selector or {}:
        if key in _ROLES:
            place = join("spec", "nodeSelector", key)
            yield _found(place, f"nodeSelector has {key}, must have others")
    yield from _find_affinity(pod)
    # Once the pod is on a node, nobody can tell who named that.
    if spec.node_name and not pod.is_placed:
        yield _found(
            "/spec/nodeName", f"nodeName is {spec.node_name}, must be left to the scheduler"
        )


def _find_affinity(pod: Pod) -> Iterator[Finding]:
    spec, owner = pod.spec, pod.metadata.controller
    # A DaemonSet's controller names the node of each of its pods so.
    is_daemon = owner is not None and owner.kind == "DaemonSet"
    node = spec.affinity.node_affinity if spec.affinity is not None else None
    required = node.required if node is not None else None
    for term, each in enumerate((required.node_selector_terms if required else None) or ()):
        for index, wanted in enumerate(each.match_expressions or ()):
            if wanted.key in _ROLES and wanted.operator not in _EXCLUDING:
                yield _found(
                    f"{_TERMS}/{term}/matchExpressions/{index}",
                    f"nodeAffinity asks for {wanted.key}, must ask for others",
                )
        for index, wanted in enumerate(() if is_daemon else each.match_fields or ()):
            if wanted.operator not in _EXCLUDING:
                yield _found(
                    f"{_TERMS}/{term}/matchFields/{index}",
                    "nodeAffinity names a node, must leave that to the scheduler",
                )


def _found(pointer: str, message: str) -> Finding:
    fix = Fix("tolerate the taints by name that the workload is made for")
    return Finding("control-plane-placement", pointer, message, None, fix)


CHECK = Check(
    id="control-plane-placement",
    title="Not on the control plane",
    tier=2,
    revisions=(Revision(KubeVersion(1, 0), _control_plane_placement),),
    profiles=Profiles(Default.AUDIT, Default.WARN, Default.ENFORCE),
    explanation=Explanation(
        what="A pod names no node, by nodeName or by matchFields of required nodeAffinity, "
        "tolerates neither all taints nor those of the control plane, and asks for no node of it, "
        "by nodeSelector or by required nodeAffinity. The nodeName of a Pod that is on a node of "
        "the cluster already is not judged, since the scheduler wrote it as well, nor are the "
        "matchFields of a DaemonSet's Pod; a status in a manifest proves nothing.",
        why="Beside the API server and etcd, whatever gets out of its container is out of the "
        "cluster's control.",
        fix="""\
tolerations:
- {key: gpu, operator: Exists}     # by name; no {operator: Exists} alone""",
        breaks="DaemonSets that are to run on every node; those of the platform belong into "
        "system namespaces.",
    ),
)
