"""host-path-volumes (baseline): a pod may not mount the node's files.

Fields: spec.volumes[*].hostPath
Allowed: undefined
"""

from collections.abc import Iterator

from revet.core.check import Check, Default, Explanation, Finding, Fix, Level, Profiles, Revision
from revet.core.model.pod import Pod
from revet.core.model.version import KubeVersion


def _host_path_volumes(pod: Pod) -> Iterator[Finding]:
    for index, volume in enumerate(pod.spec.volumes or ()):
        if volume.host_path is not None:
            yield Finding(
                "host-path-volumes",
                f"/spec/volumes/{index}/hostPath",
                f'volume "{volume.name}" is hostPath "{volume.host_path.path or ""}", '
                "must be another type of volume",
                fix=Fix("emptyDir: {}, configMap, secret or a persistentVolumeClaim"),
            )


CHECK = Check(
    id="host-path-volumes",
    title="No hostPath volumes",
    tier=1,
    level=Level.BASELINE,
    upstream="hostPathVolumes",
    revisions=(Revision(KubeVersion(1, 0), _host_path_volumes),),
    overrides=("host-path-scope",),
    profiles=Profiles(Default.ENFORCE, Default.ENFORCE, Default.ENFORCE),
    explanation=Explanation(
        what="No volume of the pod is a hostPath.",
        why="A path of the node inside a pod is a way out of it: the container runtime's socket, "
        "the kubelet's credentials or a cron folder each give the node away; read-only mounts "
        "leak them.",
        fix="""\
volumes:
- name: data
  emptyDir: {}            # or configMap, secret, persistentVolumeClaim""",
        breaks="Log shippers, node agents, storage drivers. Run those in a namespace of their own "
        "that no enforcing policy selects.",
    ),
    supports=(
        ("CIS Kubernetes 1.10", "5.2.12"),
        ("NIST 800-53 r5", "AC-4 AC-16 CM-3 CM-6 CM-7 SA-8 SC-7 SI-7"),
        ("NIST 800-190", "4.5.5"),
    ),
)
