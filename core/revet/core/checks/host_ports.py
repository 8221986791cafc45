"""host-ports (baseline): no container may open a port of the node.

Fields: spec.containers[*].ports[*].hostPort
Allowed: 0, undefined
"""

from collections.abc import Iterator

from revet.core.check import Check, Default, Explanation, Finding, Fix, Level, Profiles, Revision
from revet.core.model.pod import Pod
from revet.core.model.version import KubeVersion


def _host_ports(pod: Pod) -> Iterator[Finding]:
    for pointer, container in pod.containers:
        for index, port in enumerate(container.ports or ()):
            if port.host_port:
                yield Finding(
                    "host-ports",
                    f"{pointer}/ports/{index}/hostPort",
                    f"hostPort is {port.host_port}, must be 0 or unset",
                    container.name,
                    Fix(f"ports: [{{containerPort: {port.container_port or port.host_port}}}]"),
                )


CHECK = Check(
    id="host-ports",
    title="No host ports",
    tier=2,
    level=Level.BASELINE,
    upstream="hostPorts",
    revisions=(Revision(KubeVersion(1, 0), _host_ports),),
    profiles=Profiles(Default.ENFORCE, Default.ENFORCE, Default.ENFORCE),
    explanation=Explanation(
        what="No container port sets hostPort. A Pod with hostNetwork: true gets one for each of "
        "its ports from the API server, and is found here too.",
        why="A host port exposes the pod on every address of its node, past Services and often "
        "past NetworkPolicies, and binds it to nodes where the port is free.",
        fix="""\
ports:
- containerPort: 8080     # no hostPort; a Service makes it reachable""",
        breaks="Ingress controllers and agents that listen on the node itself.",
    ),
    supports=(
        ("CIS Kubernetes 1.10", "5.2.13"),
        ("NSA/CISA", "C-0044"),
        ("Kubernetes STIG", "V-242414"),
    ),
)
