"""host-probes (baseline, from 1.34): probes and lifecycle hooks may not name a host.

Fields: spec.containers[*].{livenessProbe,readinessProbe,startupProbe,lifecycle.postStart,
lifecycle.preStop}.{httpGet,tcpSocket}.host
Allowed: "", undefined
"""

from collections.abc import Iterator

from revet.core.check import Check, Default, Explanation, Finding, Fix, Level, Profiles, Revision
from revet.core.model.container import Container, Handler
from revet.core.model.pod import Pod
from revet.core.model.version import KubeVersion


def _handlers(container: Container) -> Iterator[tuple[str, Handler]]:
    if container.liveness_probe is not None:
        yield "livenessProbe", container.liveness_probe
    if container.readiness_probe is not None:
        yield "readinessProbe", container.readiness_probe
    if container.startup_probe is not None:
        yield "startupProbe", container.startup_probe
    if container.lifecycle is not None:
        if container.lifecycle.post_start is not None:
            yield "lifecycle/postStart", container.lifecycle.post_start
        if container.lifecycle.pre_stop is not None:
            yield "lifecycle/preStop", container.lifecycle.pre_stop


def _host_probes(pod: Pod) -> Iterator[Finding]:
    for pointer, container in pod.containers:
        for name, handler in _handlers(container):
            for action, endpoint in (
                ("httpGet", handler.http_get),
                ("tcpSocket", handler.tcp_socket),
            ):
                if endpoint is not None and endpoint.host:
                    field = f"{name.replace('/', '.')}.{action}.host"
                    yield Finding(
                        "host-probes",
                        f"{pointer}/{name}/{action}/host",
                        f'{field} is "{endpoint.host}", must be unset (no probe or lifecycle host)',
                        container.name,
                        Fix(f"remove {field}: the probe then goes to the pod itself"),
                    )


CHECK = Check(
    id="host-probes",
    title="No hosts in probes and lifecycle hooks",
    tier=2,
    level=Level.BASELINE,
    upstream="hostProbesAndHostLifecycle",
    revisions=(Revision(KubeVersion(1, 34), _host_probes),),
    profiles=Profiles(Default.ENFORCE, Default.ENFORCE, Default.ENFORCE),
    explanation=Explanation(
        what="No httpGet or tcpSocket of a probe or lifecycle hook sets host.",
        why="The kubelet sends these requests from the node's network. With a host of one's "
        "choice they reach what the pod itself must not: the metadata service, the node's own "
        "ports, other namespaces (server-side request forgery).",
        fix="""\
livenessProbe:
  httpGet:
    path: /healthz
    port: 8080            # no host: the pod's own address""",
        breaks="Pods on the host's network whose probes name 127.0.0.1, and probes of other "
        "services.",
    ),
)
