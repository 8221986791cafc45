"""seccomp-baseline (baseline): seccomp may not be switched off.

Fields (from 1.19): spec[.containers[*]].securityContext.seccompProfile.type
Allowed: RuntimeDefault, Localhost, undefined
Fields (before): metadata.annotations[seccomp.security.alpha.kubernetes.io/pod] and
[container.seccomp.security.alpha.kubernetes.io/NAME]
Allowed: runtime/default, docker/default, localhost/*, undefined
"""

from collections.abc import Iterator
from typing import Final

from revet.core.check import Check, Default, Explanation, Finding, Fix, Level, Profiles, Revision
from revet.core.model.pod import Pod
from revet.core.model.version import KubeVersion
from revet.core.pointer import escape

_ALLOWED: Final = ("RuntimeDefault", "Localhost")
_POD_KEY: Final = "seccomp.security.alpha.kubernetes.io/pod"
_CONTAINER_PREFIX: Final = "container.seccomp.security.alpha.kubernetes.io/"


def _seccomp_1_0(pod: Pod) -> Iterator[Finding]:
    keys: dict[str, str | None] = {_POD_KEY: None}
    keys |= {_CONTAINER_PREFIX + container.name: container.name for _, container in pod.containers}
    for key, container_name in keys.items():
        value = pod.annotations.get(key)
        if value is not None and not _is_allowed(value):
            yield Finding(
                "seccomp-baseline",
                f"/metadata/annotations/{escape(key)}",
                f'annotation {key} is "{value}" (forbidden seccompProfile), '
                "must be runtime/default, localhost/* or unset",
                container_name,
                Fix(f"{key}: runtime/default"),
            )


def _is_allowed(annotation: str) -> bool:
    return annotation in {"runtime/default", "docker/default"} or annotation.startswith(
        "localhost/"
    )


def _seccomp_1_19(pod: Pod) -> Iterator[Finding]:
    for pointer, container, context in pod.contexts:
        profile = context.seccomp_profile
        if profile is not None and profile.type not in _ALLOWED:
            yield Finding(
                "seccomp-baseline",
                f"{pointer}/seccompProfile/type",
                f'seccompProfile.type is "{profile.type or ""}", '
                "must be RuntimeDefault, Localhost or unset",
                container,
                Fix("securityContext: {seccompProfile: {type: RuntimeDefault}}"),
            )


CHECK = Check(
    id="seccomp-baseline",
    title="Seccomp is not switched off",
    tier=2,
    level=Level.BASELINE,
    upstream="seccompProfile_baseline",
    revisions=(
        Revision(KubeVersion(1, 0), _seccomp_1_0),
        Revision(KubeVersion(1, 19), _seccomp_1_19),
    ),
    profiles=Profiles(Default.ENFORCE, Default.ENFORCE, Default.ENFORCE),
    explanation=Explanation(
        what="Where a seccomp profile is set it is RuntimeDefault or Localhost, not Unconfined. "
        "Versions before 1.19 read the alpha annotations instead of the fields.",
        why="Unconfined opens all system calls, those among them through which containers have "
        "been escaped time and again.",
        fix="""\
securityContext:
  seccompProfile:
    type: RuntimeDefault""",
        breaks="Programs that sandbox themselves with unusual calls; give those a Localhost "
        "profile.",
    ),
    supports=(
        ("CIS Kubernetes 1.10", "5.7.2"),
        ("NSA/CISA", "C-0055"),
        ("NIST 800-53 r5", "CM-3 CM-7"),
        ("NIST 800-190", "4.4.3"),
    ),
)
