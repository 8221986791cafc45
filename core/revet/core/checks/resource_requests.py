"""resource-requests: every container says how much CPU and memory it needs.

Fields: spec.containers[*].resources.requests.{cpu,memory}, spec.resources.requests
Allowed: any quantity but zero; a limit counts as the request
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

_HINT: Final = "resources: {requests: {cpu: 100m, memory: 128Mi}}"


def _resource_requests(pod: Pod) -> Iterator[Finding]:
    return find_without("resource-requests", pod, "requests", ("cpu", "memory"), _HINT)


CHECK = Check(
    id="resource-requests",
    title="Resources are asked for",
    tier=3,
    revisions=(Revision(KubeVersion(1, 0), _resource_requests),),
    profiles=Profiles(Default.AUDIT, Default.WARN, Default.ENFORCE),
    defaulted=True,
    explanation=Explanation(
        what="Every init and regular container sets resources.requests for cpu and memory, or "
        "limits that stand in for them, or the pod does for all of them.",
        why="The scheduler places by requests: without them a node is full before anybody knows, "
        "and the pod is the first to be ended.",
        fix="""\
containers:
- name: app
  resources:
    requests: {cpu: 100m, memory: 128Mi}""",
        breaks="Nothing that runs; pods may have to wait for room. A LimitRange sets them for "
        "those that say nothing.",
    ),
)
