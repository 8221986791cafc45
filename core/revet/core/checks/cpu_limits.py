"""cpu-limits: every container has a cpu limit, or the pod has one.

Fields: spec.containers[*].resources.limits.cpu, spec.resources.limits.cpu
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

_HINT: Final = "resources: {limits: {cpu: 500m}}"


def _cpu_limits(pod: Pod) -> Iterator[Finding]:
    return find_without("cpu-limits", pod, "limits", ("cpu",), _HINT)


CHECK = Check(
    id="cpu-limits",
    title="CPU is limited",
    tier=3,
    revisions=(Revision(KubeVersion(1, 0), _cpu_limits),),
    profiles=Profiles(Default.DISABLED, Default.DISABLED, Default.AUDIT),
    defaulted=True,
    explanation=Explanation(
        what="Every init and regular container sets resources.limits.cpu, or the pod does for all "
        "of them.",
        why="A container without a limit slows down its neighbours on a busy node.",
        fix="""\
containers:
- name: app
  resources:
    limits: {cpu: 500m}""",
        breaks="A limit throttles also where the node is idle; many teams do well without. Hence "
        "a report only.",
    ),
    supports=(
        ("NSA/CISA", "C-0270"),
        ("NIST 800-53 r5", "SC-6"),
    ),
)
