"""drop-net-raw: containers drop NET_RAW.

Fields: spec.containers[*].securityContext.capabilities.drop
Allowed: a list with NET_RAW or ALL
"""

from collections.abc import Iterator
from typing import Final

from revet.core.check import (
    Assignment,
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

_HINT: Final = "securityContext: {capabilities: {drop: [NET_RAW]}}"


def _drop_net_raw(pod: Pod) -> Iterator[Finding]:
    if pod.is_windows:
        return
    for pointer, container in pod.containers:
        context = container.security_context
        capabilities = context.capabilities if context is not None else None
        dropped = (capabilities.drop if capabilities is not None else None) or ()
        if "ALL" not in dropped and "NET_RAW" not in dropped:
            field = f"{pointer}/securityContext/capabilities"
            patch = (Assignment(field, {"drop": ["NET_RAW"]}),) if capabilities is None else ()
            yield Finding(
                "drop-net-raw",
                f"{field}/drop",
                f"capabilities.drop is [{', '.join(dropped)}], must have NET_RAW or ALL",
                container.name,
                Fix(_HINT, patch),
            )


CHECK = Check(
    id="drop-net-raw",
    title="No raw sockets",
    tier=2,
    revisions=(Revision(KubeVersion(1, 0), _drop_net_raw),),
    profiles=Profiles(Default.WARN, Default.DISABLED, Default.DISABLED),
    patchable=True,
    explanation=Explanation(
        what="Every container drops NET_RAW, or ALL. Where patching is on, it is dropped from "
        "containers that say nothing of capabilities.",
        why="With raw sockets a container answers in others' names on its network: ARP and DNS "
        "spoofing.",
        fix="""\
containers:
- name: app
  securityContext: {capabilities: {drop: [NET_RAW]}}""",
        breaks="ping and arping.",
    ),
)
