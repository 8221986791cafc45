"""drop-net-raw: containers drop NET_RAW.

Fields: spec.containers[*].securityContext.capabilities.{drop,add}
Allowed: a drop list with NET_RAW or ALL, and an add list that does not give it back
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
        field = f"{pointer}/securityContext/capabilities"
        if "ALL" not in dropped and "NET_RAW" not in dropped:
            patch = (Assignment(field, {"drop": ["NET_RAW"]}),) if capabilities is None else ()
            yield Finding(
                "drop-net-raw",
                f"{field}/drop",
                f"capabilities.drop is [{', '.join(dropped)}], must have NET_RAW or ALL",
                container.name,
                Fix(_HINT, patch),
            )
        elif capabilities is not None and "NET_RAW" not in dropped:
            # A runtime drops ALL first, and then adds.
            back = [each for each in capabilities.add or () if _gives_net_raw(each)]
            if back:
                told = f"capabilities.add has {back[0]}, which gives NET_RAW back after drop: [ALL]"
                yield Finding(
                    "drop-net-raw", f"{field}/add", told, container.name, Fix(f"remove {back[0]}")
                )


def _gives_net_raw(capability: str) -> bool:
    return capability.upper().removeprefix("CAP_") in {"NET_RAW", "ALL"}


CHECK = Check(
    id="drop-net-raw",
    title="No raw sockets",
    tier=2,
    revisions=(Revision(KubeVersion(1, 0), _drop_net_raw),),
    profiles=Profiles(Default.WARN, Default.DISABLED, Default.DISABLED),
    patchable=True,
    explanation=Explanation(
        what="Every container drops NET_RAW, or ALL without adding it again. Where patching is "
        "on, it is dropped from containers that say nothing of capabilities.",
        why="With raw sockets a container answers in others' names on its network: ARP and DNS "
        "spoofing.",
        fix="""\
containers:
- name: app
  securityContext: {capabilities: {drop: [NET_RAW]}}""",
        breaks="ping and arping.",
    ),
)
