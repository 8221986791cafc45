"""non-root-groups: no container is in group 0.

Fields: spec[.containers[*]].securityContext.runAsGroup,
spec.securityContext.{fsGroup,supplementalGroups}
Allowed: anything but 0
"""

from collections.abc import Iterator

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


def _non_root_groups(pod: Pod) -> Iterator[Finding]:
    for pointer, container_name, context in pod.contexts:
        for field, group in (("runAsGroup", context.run_as_group), ("fsGroup", context.fs_group)):
            if group == 0:
                yield _found(f"{pointer}/{field}", f"{field} is 0, must be another", container_name)
        if 0 in (context.supplemental_groups or ()):
            told = "supplementalGroups has 0, must have others"
            yield _found(f"{pointer}/supplementalGroups", told, container_name)


def _found(pointer: str, message: str, container: str | None) -> Finding:
    fix = Fix("use a group of the workload's own, such as 10001")
    return Finding("non-root-groups", pointer, message, container, fix)


CHECK = Check(
    id="non-root-groups",
    title="Not in the root group",
    tier=3,
    revisions=(Revision(KubeVersion(1, 0), _non_root_groups),),
    profiles=Profiles(Default.DISABLED, Default.AUDIT, Default.WARN),
    explanation=Explanation(
        what="runAsGroup, fsGroup and supplementalGroups name no group 0.",
        why="Group 0 reads, and often writes, much that belongs to root, in the image and on "
        "mounted volumes.",
        fix="""\
spec:
  securityContext: {runAsGroup: 10001, fsGroup: 10001}""",
        breaks="Images made for arbitrary user ids in group 0, as on OpenShift.",
    ),
)
