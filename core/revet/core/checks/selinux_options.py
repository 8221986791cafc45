"""selinux-options (baseline): no SELinux types but a container's, no user, no role.

Fields: spec[.containers[*]].securityContext.seLinuxOptions.{type,user,role}
Allowed: type "", container_t, container_init_t, container_kvm_t, from 1.31 container_engine_t;
user and role "" or undefined; level is free
"""

from collections.abc import Iterator
from typing import Final

from revet.core.check import Check, Default, Explanation, Finding, Fix, Level, Profiles, Revision
from revet.core.model.pod import Pod
from revet.core.model.version import KubeVersion

_TYPES_1_0: Final = ("container_t", "container_init_t", "container_kvm_t")
_TYPES_1_31: Final = (*_TYPES_1_0, "container_engine_t")


def _selinux(pod: Pod, types: tuple[str, ...]) -> Iterator[Finding]:
    for pointer, container, context in pod.contexts:
        options = context.se_linux_options
        if options is None:
            continue
        if options.type and options.type not in types:
            allowed = f"must be {', '.join(types)} or unset"
            yield _finding(pointer, container, "type", options.type, allowed)
        if options.user:
            yield _finding(pointer, container, "user", options.user, "must be unset")
        if options.role:
            yield _finding(pointer, container, "role", options.role, "must be unset")


def _finding(pointer: str, container: str | None, field: str, value: str, allowed: str) -> Finding:
    return Finding(
        "selinux-options",
        f"{pointer}/seLinuxOptions/{field}",
        f'seLinuxOptions.{field} is "{value}", {allowed}',
        container,
        Fix(f"remove seLinuxOptions.{field}"),
    )


def _selinux_1_0(pod: Pod) -> Iterator[Finding]:
    return _selinux(pod, _TYPES_1_0)


def _selinux_1_31(pod: Pod) -> Iterator[Finding]:
    # container_engine_t is the type for engines that nest containers without privileges.
    return _selinux(pod, _TYPES_1_31)


CHECK = Check(
    id="selinux-options",
    title="SELinux confines containers",
    tier=2,
    level=Level.BASELINE,
    upstream="seLinuxOptions",
    revisions=(
        Revision(KubeVersion(1, 0), _selinux_1_0),
        Revision(KubeVersion(1, 31), _selinux_1_31),
    ),
    profiles=Profiles(Default.ENFORCE, Default.ENFORCE, Default.ENFORCE),
    explanation=Explanation(
        what=f"seLinuxOptions sets no type but {', '.join(_TYPES_1_31)}, and no user or role. The "
        "level is free.",
        why="A type such as spc_t lifts all confinement; user and role let a process move to "
        "another domain.",
        fix="""\
securityContext:
  seLinuxOptions:
    level: s0:c123,c456   # no type, user or role""",
        breaks="Agents that run as spc_t to reach the host's files.",
    ),
    supports=(
        ("CIS Kubernetes 1.10", "5.7.3"),
        ("NSA/CISA", "C-0055"),
        ("NIST 800-53 r5", "CM-3 CM-7"),
        ("NIST 800-190", "4.4.3"),
    ),
)
