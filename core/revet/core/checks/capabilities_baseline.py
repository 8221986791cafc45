"""capabilities-baseline (baseline): only the usual capabilities may be added.

Fields: spec.containers[*].securityContext.capabilities.add
Allowed: undefined, or members of the list below; spelled exactly so (CAP_CHOWN is not CHOWN)
"""

from collections.abc import Iterator
from typing import Final

from revet.core.check import Check, Default, Explanation, Finding, Fix, Level, Profiles, Revision
from revet.core.model.pod import Pod
from revet.core.model.version import KubeVersion

_ALLOWED: Final = (
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
)


def _capabilities(pod: Pod) -> Iterator[Finding]:
    for pointer, container, context in pod.contexts:
        if container is None or context.capabilities is None:
            continue
        forbidden = [name for name in context.capabilities.add or () if name not in _ALLOWED]
        if forbidden:
            yield Finding(
                "capabilities-baseline",
                f"{pointer}/capabilities/add",
                f"capabilities.add has {', '.join(forbidden)}; "
                f"only {', '.join(_ALLOWED)} are allowed",
                container,
                Fix(f"remove {', '.join(forbidden)} from capabilities.add"),
            )


CHECK = Check(
    id="capabilities-baseline",
    title="No unusual capabilities",
    tier=1,
    level=Level.BASELINE,
    upstream="capabilities_baseline",
    revisions=(Revision(KubeVersion(1, 0), _capabilities),),
    profiles=Profiles(Default.ENFORCE, Default.ENFORCE, Default.ENFORCE),
    explanation=Explanation(
        what=f"Containers add no capability but {', '.join(_ALLOWED)}, spelled so.",
        why="SYS_ADMIN, SYS_PTRACE, SYS_MODULE, NET_ADMIN, NET_RAW, BPF and their like are each a "
        "way to the node or to other pods' traffic.",
        fix="""\
securityContext:
  capabilities:
    drop: [ALL]
    add: [NET_BIND_SERVICE]     # only what the program was seen to need""",
        breaks="Network tools (ping wants NET_RAW), debuggers, eBPF agents, VPN clients.",
    ),
    supports=(
        ("CIS Kubernetes 1.10", "5.2.8 5.2.9"),
        ("NSA/CISA", "C-0046"),
        ("NIST 800-53 r5", "CM-3 CM-7"),
        ("NIST 800-190", "4.4.3"),
    ),
)
