"""no-privilege-escalation (restricted, from 1.8): no process gains more rights than its parent.

Fields: spec.containers[*].securityContext.allowPrivilegeEscalation
Allowed: false
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
    Level,
    Profiles,
    Revision,
)
from revet.core.model.container import SecurityContext
from revet.core.model.pod import Pod
from revet.core.model.version import KubeVersion

_HINT: Final = "securityContext: {allowPrivilegeEscalation: false}"


def _escalation_1_8(pod: Pod) -> Iterator[Finding]:
    for pointer, container in pod.containers:
        context = container.security_context
        value = context.allow_privilege_escalation if context is not None else None
        if value is not False:
            field = f"{pointer}/securityContext/allowPrivilegeEscalation"
            patch = value is None and not pod.is_windows and _api_accepts_false(context)
            yield Finding(
                "no-privilege-escalation",
                field,
                f"allowPrivilegeEscalation is {'true' if value else 'not set'}, must be false",
                container.name,
                Fix(_HINT, (Assignment(field, value=False),) if patch else ()),
            )


def _api_accepts_false(context: SecurityContext | None) -> bool:
    # The API refuses false beside privileged and beside the literal CAP_SYS_ADMIN. SYS_ADMIN is
    # spared too: who adds that relies on rights that false may take away.
    if context is None:
        return True
    added = (context.capabilities.add if context.capabilities is not None else None) or ()
    return not context.privileged and "CAP_SYS_ADMIN" not in added and "SYS_ADMIN" not in added


def _escalation_1_25(pod: Pod) -> Iterator[Finding]:
    # From 1.25 on the API refuses Linux fields on pods that say os.name: windows.
    if not pod.is_windows:
        yield from _escalation_1_8(pod)


CHECK = Check(
    id="no-privilege-escalation",
    title="No privilege escalation",
    tier=2,
    level=Level.RESTRICTED,
    upstream="allowPrivilegeEscalation",
    revisions=(
        Revision(KubeVersion(1, 8), _escalation_1_8),
        Revision(KubeVersion(1, 25), _escalation_1_25),
    ),
    patchable=True,
    profiles=Profiles(Default.WARN, Default.ENFORCE_PATCH, Default.ENFORCE_PATCH),
    explanation=Explanation(
        what="Every container says allowPrivilegeEscalation: false; the pod has no such field. "
        "Where patching is on and the field is not set, it is set, unless the container is "
        "privileged or adds SYS_ADMIN.",
        why="It sets the kernel's no_new_privs: a setuid program in the image can then not turn a "
        "foothold as a plain user into root.",
        fix="""\
containers:
- name: app
  securityContext:
    allowPrivilegeEscalation: false""",
        breaks="sudo, and programs that rely on setuid or file capabilities (ping, some mail and "
        "cron programs). Not gosu or su-exec, which start as root.",
    ),
    supports=(
        ("CIS Kubernetes 1.10", "5.2.6"),
        ("NSA/CISA", "C-0016"),
        ("NIST 800-190", "4.4.3"),
    ),
)
