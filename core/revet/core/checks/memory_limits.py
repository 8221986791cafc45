"""memory-limits: every container has a memory limit, or the pod has one.

Fields: spec.containers[*].resources.limits.memory, spec.resources.limits.memory
Allowed: any quantity but zero
"""

from collections.abc import Iterator
from typing import Final

from revet.core.check import (
    Check,
    Default,
    Explanation,
    Finding,
    Profiles,
    Revision,
)
from revet.core.model.pod import Pod
from revet.core.model.version import KubeVersion
from revet.core.resources import find_without

_HINT: Final = "resources: {limits: {memory: 256Mi}}"


def _memory_limits(pod: Pod) -> Iterator[Finding]:
    return find_without("memory-limits", pod, "limits", ("memory",), _HINT)


CHECK = Check(
    id="memory-limits",
    title="Memory is limited",
    tier=3,
    revisions=(Revision(KubeVersion(1, 0), _memory_limits),),
    profiles=Profiles(Default.AUDIT, Default.WARN, Default.ENFORCE),
    defaulted=True,
    explanation=Explanation(
        what="Every init and regular container sets resources.limits.memory, or the pod does for "
        "all of them.",
        why="A container without a limit takes the node's memory, and the kernel then ends "
        "whatever it picks.",
        fix="""\
containers:
- name: app
  resources:
    limits: {memory: 256Mi}""",
        breaks="A limit that is too low ends the program; a LimitRange sets one for those that "
        "say nothing.",
    ),
    supports=(
        ("NSA/CISA", "C-0271"),
        ("NIST 800-53 r5", "SC-6"),
    ),
)
