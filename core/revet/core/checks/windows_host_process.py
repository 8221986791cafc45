"""windows-host-process (baseline): no HostProcess containers.

Fields: spec[.containers[*]].securityContext.windowsOptions.hostProcess
Allowed: false, undefined
"""

from collections.abc import Iterator

from revet.core.check import Check, Default, Explanation, Finding, Fix, Level, Profiles, Revision
from revet.core.model.pod import Pod
from revet.core.model.version import KubeVersion


def _windows_host_process(pod: Pod) -> Iterator[Finding]:
    for pointer, container, context in pod.contexts:
        if context.windows_options is not None and context.windows_options.host_process:
            yield Finding(
                "windows-host-process",
                f"{pointer}/windowsOptions/hostProcess",
                "windowsOptions.hostProcess is true, must be false or unset",
                container,
                Fix("securityContext: {windowsOptions: {hostProcess: false}}"),
            )


CHECK = Check(
    id="windows-host-process",
    title="No Windows HostProcess containers",
    tier=1,
    level=Level.BASELINE,
    upstream="windowsHostProcess",
    revisions=(Revision(KubeVersion(1, 0), _windows_host_process),),
    profiles=Profiles(Default.ENFORCE, Default.ENFORCE, Default.ENFORCE),
    explanation=Explanation(
        what="Neither the pod nor a container sets securityContext.windowsOptions.hostProcess: "
        "true.",
        why="A HostProcess container runs as a process of the Windows node with its accounts and "
        "files: it is what privileged is on Linux.",
        fix="""\
securityContext:
  windowsOptions:
    hostProcess: false    # or leave the field out""",
        breaks="Node agents and drivers for Windows nodes.",
    ),
    supports=(("CIS Kubernetes 1.10", "5.2.11"),),
)
