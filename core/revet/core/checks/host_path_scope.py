"""host-path-scope: what is mounted of the node is named by the policy, and read-only.

Fields: spec.volumes[*].hostPath.path, spec.containers[*].volumeMounts[*].readOnly
Allowed: paths at or below those that the policy names, mounted read-only
"""

from collections.abc import Iterator

from revet.core.check import (
    AdjustableRevision,
    Check,
    Default,
    Explanation,
    Finding,
    Fix,
    Parameter,
    Profiles,
)
from revet.core.host_path import is_within, normal_path
from revet.core.model.pod import Pod
from revet.core.model.settings import Settings
from revet.core.model.version import KubeVersion


def _host_path_scope(pod: Pod, settings: Settings) -> Iterator[Finding]:
    mounted: set[str] = set()
    told = f"at or below {', '.join(sorted(settings.allow))}" if settings.allow else "none"
    for index, volume in enumerate(pod.spec.volumes or ()):
        if volume.host_path is None:
            continue
        path = volume.host_path.path or ""
        mounted.add(volume.name)
        if not any(is_within(normal_path(path), normal_path(each)) for each in settings.allow):
            yield Finding(
                "host-path-scope",
                f"/spec/volumes/{index}/hostPath/path",
                f"hostPath {path or 'not set'}, must be {told}",
                None,
                Fix("use another kind of volume, or ask for the path in the policy's allow"),
            )
    yield from _find_writable(pod, mounted)


def _find_writable(pod: Pod, volumes: set[str]) -> Iterator[Finding]:
    for pointer, container in pod.containers:
        for index, mount in enumerate(container.volume_mounts or ()):
            if mount.name in volumes and mount.read_only is not True:
                yield Finding(
                    "host-path-scope",
                    f"{pointer}/volumeMounts/{index}/readOnly",
                    f"the mount of hostPath volume {mount.name} must be readOnly",
                    container.name,
                    Fix("volumeMounts: [{readOnly: true, recursiveReadOnly: IfPossible}]"),
                )


CHECK = Check(
    id="host-path-scope",
    title="Only named host paths",
    tier=1,
    revisions=(AdjustableRevision(KubeVersion(1, 0), _host_path_scope),),
    profiles=Profiles(Default.ENFORCE, Default.ENFORCE, Default.ENFORCE),
    parameters=(
        Parameter(
            "allow",
            "Paths of the node that may be mounted read-only, with all below them, such "
            "as /var/log/pods.",
        ),
    ),
    explanation=Explanation(
        what="Where hostPath volumes are let through (host-path-volumes is not in Enforce), each "
        "path lies at or below one of the policy's allow, and every mount of it is readOnly.",
        why="A path of the node that can be written is the node. The few agents that read "
        "/var/log or /sys need no more than that.",
        fix="""\
volumes:
- {name: logs, hostPath: {path: /var/log/pods}}
containers:
- volumeMounts: [{name: logs, mountPath: /logs, readOnly: true}]""",
        breaks="Agents that write to the node, such as CNI and CSI drivers: they belong into "
        "system namespaces.",
    ),
    supports=(
        ("NIST 800-53 r5", "AC-4 AC-16 CM-3 CM-6 CM-7 SA-8 SC-7 SI-7"),
        ("NIST 800-190", "4.5.5"),
    ),
)
