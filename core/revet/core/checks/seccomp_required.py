"""seccomp-required (restricted, from 1.19): every container runs under a seccomp profile.

Fields: spec[.containers[*]].securityContext.seccompProfile.type
Allowed: RuntimeDefault, Localhost; undefined where the pod sets an allowed one
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
from revet.core.model.pod import Pod
from revet.core.model.version import KubeVersion

_ALLOWED: Final = ("RuntimeDefault", "Localhost")
_HINT: Final = "securityContext: {seccompProfile: {type: RuntimeDefault}}"
_ANNOTATION: Final = "seccomp.security.alpha.kubernetes.io/pod"
_SAME_AS_PATCH: Final = (None, "runtime/default", "docker/default")
# On the pod: it serves every container, and leaves those alone that have one of their own.
_PATCH: Final = Fix(
    _HINT, (Assignment("/spec/securityContext/seccompProfile", {"type": "RuntimeDefault"}),)
)


def _seccomp_1_19(pod: Pod) -> Iterator[Finding]:
    for pointer, container_name, context in pod.contexts:
        profile = context.seccomp_profile
        if profile is not None and profile.type not in _ALLOWED:
            yield Finding(
                "seccomp-required",
                f"{pointer}/seccompProfile/type",
                f'seccompProfile.type is "{profile.type or ""}", '
                "must be RuntimeDefault or Localhost",
                container_name,
                Fix(_HINT),
            )
    # A bad profile on the pod has been found above; containers that inherit it add nothing new.
    if pod.spec.security_context is None or pod.spec.security_context.seccomp_profile is None:
        yield from _missing(pod)


def _missing(pod: Pod) -> Iterator[Finding]:
    for pointer, container in pod.containers:
        context = container.security_context
        if context is None or context.seccomp_profile is None:
            yield Finding(
                "seccomp-required",
                f"{pointer}/securityContext/seccompProfile",
                "seccompProfile is not set, must be RuntimeDefault or Localhost",
                container.name,
                _PATCH if _api_accepts_default(pod) else Fix(_HINT),
            )


def _api_accepts_default(pod: Pod) -> bool:
    # The API refuses the field on Windows pods, and beside an annotation that says otherwise.
    return not pod.is_windows and pod.annotations.get(_ANNOTATION) in _SAME_AS_PATCH


def _seccomp_1_25(pod: Pod) -> Iterator[Finding]:
    # From 1.25 on the API refuses Linux fields on pods that say os.name: windows.
    if not pod.is_windows:
        yield from _seccomp_1_19(pod)


CHECK = Check(
    id="seccomp-required",
    title="Seccomp profile required",
    tier=2,
    level=Level.RESTRICTED,
    upstream="seccompProfile_restricted",
    revisions=(
        Revision(KubeVersion(1, 19), _seccomp_1_19),
        Revision(KubeVersion(1, 25), _seccomp_1_25),
    ),
    overrides=("seccomp-baseline",),
    patchable=True,
    profiles=Profiles(Default.WARN_PATCH, Default.ENFORCE_PATCH, Default.ENFORCE_PATCH),
    explanation=Explanation(
        what="Every container has a seccomp profile, RuntimeDefault or Localhost, its own or the "
        "pod's. Where patching is on and the pod sets none, not by the older annotation either, "
        "RuntimeDefault is set on the pod.",
        why="Without it a container may make every system call. The runtime's default profile "
        "shuts the few dozen that programs don't use and exploits do.",
        fix="""\
spec:
  securityContext:
    seccompProfile:
      type: RuntimeDefault""",
        breaks="Browsers and sandboxes that make user namespaces unprivileged, debuggers and "
        "perf, some users of io_uring. Give those a Localhost profile.",
    ),
    supports=(
        ("CIS Kubernetes 1.10", "5.7.2"),
        ("NSA/CISA", "C-0055"),
        ("NIST 800-53 r5", "CM-3 CM-7"),
        ("NIST 800-190", "4.4.3"),
    ),
)
