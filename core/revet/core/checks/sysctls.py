"""sysctls (baseline): only kernel parameters that belong to the pod may be set.

Fields: spec.securityContext.sysctls[*].name
Allowed: the lists below, which grow with the version
"""

from collections.abc import Iterator
from typing import Final

from revet.core.check import Check, Default, Explanation, Finding, Fix, Level, Profiles, Revision
from revet.core.model.pod import Pod
from revet.core.model.version import KubeVersion

_SAFE_1_0: Final = (
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.ping_group_range",
    "net.ipv4.ip_unprivileged_port_start",
)
_SAFE_1_27: Final = (*_SAFE_1_0, "net.ipv4.ip_local_reserved_ports")
_SAFE_1_29: Final = (
    *_SAFE_1_27,
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
)
_SAFE_1_32: Final = (*_SAFE_1_29, "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem")


def _sysctls(pod: Pod, safe: tuple[str, ...]) -> Iterator[Finding]:
    context = pod.spec.security_context
    if context is None:
        return
    for index, sysctl in enumerate(context.sysctls or ()):
        if sysctl.name not in safe:
            yield Finding(
                "sysctls",
                f"/spec/securityContext/sysctls/{index}/name",
                f'forbidden sysctl "{sysctl.name or ""}", must be one of {", ".join(safe)}',
                fix=Fix(f"remove the sysctl {sysctl.name}, or set it on the nodes"),
            )


def _sysctls_1_0(pod: Pod) -> Iterator[Finding]:
    return _sysctls(pod, _SAFE_1_0)


def _sysctls_1_27(pod: Pod) -> Iterator[Finding]:
    return _sysctls(pod, _SAFE_1_27)


def _sysctls_1_29(pod: Pod) -> Iterator[Finding]:
    return _sysctls(pod, _SAFE_1_29)


def _sysctls_1_32(pod: Pod) -> Iterator[Finding]:
    return _sysctls(pod, _SAFE_1_32)


CHECK = Check(
    id="sysctls",
    title="Only safe sysctls",
    tier=2,
    level=Level.BASELINE,
    upstream="sysctls",
    revisions=(
        Revision(KubeVersion(1, 0), _sysctls_1_0),
        Revision(KubeVersion(1, 27), _sysctls_1_27),
        Revision(KubeVersion(1, 29), _sysctls_1_29),
        Revision(KubeVersion(1, 32), _sysctls_1_32),
    ),
    profiles=Profiles(Default.ENFORCE, Default.ENFORCE, Default.ENFORCE),
    explanation=Explanation(
        what=f"securityContext.sysctls names none but {', '.join(_SAFE_1_32)} (older versions of "
        "the standard: fewer).",
        why="Other parameters switch off protections, or act on the whole node and so on every "
        "pod.",
        fix="""\
securityContext:
  sysctls:
  - {name: net.ipv4.ip_unprivileged_port_start, value: "80"}""",
        breaks="Databases and proxies that tune the kernel. Set those parameters on the nodes.",
    ),
    supports=(
        ("CIS Kubernetes 1.10", "5.7.3"),
        ("NIST 800-53 r5", "CM-3 CM-7"),
        ("NIST 800-190", "4.4.3"),
    ),
)
