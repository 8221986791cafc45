"""proc-mount (baseline): /proc stays masked, but in a user namespace.

Fields: spec.containers[*].securityContext.procMount
Allowed: Default, undefined; from 1.35 anything with spec.hostUsers: false
"""

from collections.abc import Iterator

from revet.core.check import Check, Default, Explanation, Finding, Fix, Level, Profiles, Revision
from revet.core.model.pod import Pod
from revet.core.model.version import KubeVersion


def _proc_mount_1_0(pod: Pod) -> Iterator[Finding]:
    for pointer, container, context in pod.contexts:
        if container is not None and context.proc_mount not in {None, "Default"}:
            yield Finding(
                "proc-mount",
                f"{pointer}/procMount",
                f'procMount is "{context.proc_mount}", must be Default or unset',
                container,
                Fix("securityContext: {procMount: Default}"),
            )


def _proc_mount_1_35(pod: Pod) -> Iterator[Finding]:
    # KEP-4265: nested containers need it, and in a user namespace it harms nobody else.
    if not pod.has_user_namespace:
        yield from _proc_mount_1_0(pod)


CHECK = Check(
    id="proc-mount",
    title="/proc stays masked",
    tier=1,
    level=Level.BASELINE,
    upstream="procMount",
    revisions=(
        Revision(KubeVersion(1, 0), _proc_mount_1_0),
        Revision(KubeVersion(1, 35), _proc_mount_1_35),
    ),
    profiles=Profiles(Default.ENFORCE, Default.ENFORCE, Default.ENFORCE),
    explanation=Explanation(
        what="No container sets procMount to anything but Default, unless (from version 1.35) the "
        "pod has hostUsers: false.",
        why="Unmasked gives the container the parts of /proc through which the kernel is steered "
        "and the node's memory is read.",
        fix="""\
securityContext:
  procMount: Default      # or leave the field out""",
        breaks="Building or running containers inside a container; use hostUsers: false for that.",
    ),
    supports=(
        ("CIS Kubernetes 1.10", "5.7.3"),
        ("NIST 800-53 r5", "CM-3 CM-7"),
        ("NIST 800-190", "4.4.3"),
    ),
)
