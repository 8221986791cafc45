"""control-plane-placement: pods let the scheduler choose, and stay off the control plane.

Fields: spec.nodeName, spec.tolerations[*], spec.nodeSelector
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

_TAINTS: Final = frozenset(
    {"node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master"}
)


def _control_plane_placement(pod: Pod) -> Iterator[Finding]:
    spec = pod.spec
    for index, toleration in enumerate(spec.tolerations or ()):
        if not toleration.key or toleration.key in _TAINTS:
            told = toleration.key or "every taint"
            yield _found(f"/spec/tolerations/{index}", f"tolerates {told}, must not")
    for key in spec.node_selector or {}:
        if key in _TAINTS:
            yield _found("/spec/nodeSelector", f"nodeSelector asks for {key}, must not")
    if spec.node_name:
        yield _found(
            "/spec/nodeName", f"nodeName is {spec.node_name}, must be left to the scheduler"
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
        what="A pod names no node, tolerates neither all taints nor those of the control plane, "
        "and asks for no node of it. A Pod that the scheduler has placed already is not "
        "updated, and so not judged again.",
        why="Beside the API server and etcd, whatever gets out of its container is out of the "
        "cluster's control.",
        fix="""\
tolerations:
- {key: gpu, operator: Exists}     # by name; no {operator: Exists} alone""",
        breaks="DaemonSets that are to run on every node; those of the platform belong into "
        "system namespaces.",
    ),
)
