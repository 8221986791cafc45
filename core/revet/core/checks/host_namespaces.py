"""host-namespaces (baseline): a pod may not share the node's network, PID or IPC namespace.

Fields: spec.hostNetwork, spec.hostPID, spec.hostIPC
Allowed: false, undefined
"""

from collections.abc import Iterator

from revet.core.check import Check, Default, Explanation, Finding, Fix, Level, Profiles, Revision
from revet.core.model.pod import Pod
from revet.core.model.version import KubeVersion


def _host_namespaces(pod: Pod) -> Iterator[Finding]:
    if pod.spec.host_network:
        yield _finding("hostNetwork")
    if pod.spec.host_pid:
        yield _finding("hostPID")
    if pod.spec.host_ipc:
        yield _finding("hostIPC")


def _finding(field: str) -> Finding:
    return Finding(
        "host-namespaces",
        f"/spec/{field}",
        f"{field} is true, must be false or unset: no host namespaces",
        fix=Fix(f"{field}: false"),
    )


CHECK = Check(
    id="host-namespaces",
    title="No host namespaces",
    tier=1,
    level=Level.BASELINE,
    upstream="hostNamespaces",
    revisions=(Revision(KubeVersion(1, 0), _host_namespaces),),
    profiles=Profiles(Default.ENFORCE, Default.ENFORCE, Default.ENFORCE),
    explanation=Explanation(
        what="The pod sets none of hostNetwork, hostPID and hostIPC.",
        why="With the node's network a pod sees its traffic and its local services and escapes "
        "every NetworkPolicy; with its PIDs it reads other processes' environment and files; with "
        "its IPC it reads their shared memory.",
        fix="""\
spec:
  hostNetwork: false      # or leave all three out; expose ports by a Service instead
  hostPID: false
  hostIPC: false""",
        breaks="Node agents that watch the host: CNI, node exporters, some ingress controllers. "
        "Run those in a namespace of their own that no enforcing policy selects.",
    ),
    supports=(
        ("CIS Kubernetes 1.10", "5.2.3 5.2.4 5.2.5"),
        ("NSA/CISA", "C-0038 C-0041"),
        ("NIST 800-53 r5", "CM-3 CM-7"),
        ("NIST 800-190", "4.4.3"),
    ),
)
