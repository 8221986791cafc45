"""netpol-pod-coverage: NetworkPolicies isolate every pod, in both directions.

Fields: spec.hostNetwork and the labels of a pod, against the NetworkPolicies of its namespace
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
from revet.core.isolation import Direction, is_isolated
from revet.core.model.pod import Pod
from revet.core.model.version import KubeVersion

_ID: Final = "netpol-pod-coverage"
_DIRECTIONS: Final[tuple[Direction, ...]] = ("Ingress", "Egress")


def _netpol_pod_coverage(pod: Pod) -> Iterator[Finding]:
    # What NetworkPolicies do to pods in the node's network is not defined.
    if pod.spec.host_network:
        return
    for direction in _DIRECTIONS:
        is_covered = is_isolated(pod, direction)
        if is_covered is None:
            where = f" of Namespace {pod.namespace}" if pod.namespace else ""
            yield Finding.unknown(_ID, "/metadata/labels", f"all NetworkPolicies{where}")
            return
        if not is_covered:
            yield Finding(
                _ID,
                "/metadata/labels",
                f"no NetworkPolicy selects the pod for {direction}",
                None,
                Fix(f"a NetworkPolicy that selects it, with {direction} among policyTypes"),
            )


CHECK = Check(
    id=_ID,
    title="NetworkPolicies cover every pod",
    tier=2,
    revisions=(Revision(KubeVersion(1, 0), _netpol_pod_coverage),),
    profiles=Profiles(Default.AUDIT, Default.WARN, Default.WARN),
    needs=frozenset({"NetworkPolicy"}),
    # A NetworkPolicy may come before the first pod does.
    defaulted=True,
    explanation=Explanation(
        what="For Ingress and for Egress some NetworkPolicy of the namespace selects the pod. Pods "
        "in the node's network are left out. Whether the network enforces NetworkPolicies is not "
        "assessed.",
        why="A pod that no NetworkPolicy selects is open to all and may connect anywhere, whatever "
        "the others in its namespace may do.",
        fix="""\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: api, namespace: shop}
spec:
  podSelector: {matchLabels: {app: api}}
  policyTypes: [Ingress, Egress]
  ingress:
  - from: [{podSelector: {matchLabels: {app: web}}}]
    ports: [{port: 8080}]""",
        breaks="Every connection that no NetworkPolicy allows; look at who talks to whom first.",
    ),
    supports=(
        ("CIS Kubernetes 1.10", "5.3.2"),
        ("NSA/CISA", "C-0030, C-0054"),
        ("NIST 800-53 r5", "AC-4, SC-7"),
        ("NIST 800-190", "4.3.3, 4.4.2"),
    ),
)
