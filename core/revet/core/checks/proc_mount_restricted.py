"""proc-mount-restricted (restricted, from 1.35): /proc stays masked, in a user namespace too.

Fields: spec.containers[*].securityContext.procMount
Allowed: Default, undefined
"""

from collections.abc import Iterator

from revet.core.check import Check, Default, Explanation, Finding, Fix, Level, Profiles, Revision
from revet.core.model.pod import Pod
from revet.core.model.version import KubeVersion


def _proc_mount(pod: Pod) -> Iterator[Finding]:
    for pointer, container, context in pod.contexts:
        if container is not None and context.proc_mount not in {None, "Default"}:
            yield Finding(
                "proc-mount-restricted",
                f"{pointer}/procMount",
                f'procMount is "{context.proc_mount}", must be Default or unset',
                container,
                Fix("securityContext: {procMount: Default}"),
            )


CHECK = Check(
    id="proc-mount-restricted",
    title="/proc stays masked, always",
    tier=1,
    level=Level.RESTRICTED,
    upstream="procMount_restricted",
    # Before 1.35 the baseline check was as strict as this one, which did not exist.
    revisions=(Revision(KubeVersion(1, 35), _proc_mount),),
    overrides=("proc-mount",),
    profiles=Profiles(Default.DISABLED, Default.ENFORCE, Default.ENFORCE),
    explanation=Explanation(
        what="No container sets procMount to anything but Default, not even with hostUsers: false.",
        why="The masked parts of /proc leak facts about the node and its other containers to a "
        "process in a user namespace too.",
        fix="""\
securityContext:
  procMount: Default      # or leave the field out""",
        breaks="Building or running containers inside a container.",
    ),
)
