"""apparmor (baseline): nobody may switch off the default AppArmor profile.

Fields: spec[.containers[*]].securityContext.appArmorProfile.type
Allowed: RuntimeDefault, Localhost, undefined
Fields: metadata.annotations[container.apparmor.security.beta.kubernetes.io/*]
Allowed: "", runtime/default, localhost/*
"""

from collections.abc import Iterator
from typing import Final

from revet.core.check import Check, Default, Explanation, Finding, Fix, Level, Profiles, Revision
from revet.core.model.pod import Pod
from revet.core.model.version import KubeVersion
from revet.core.pointer import escape

_ALLOWED: Final = ("RuntimeDefault", "Localhost")
_PREFIX: Final = "container.apparmor.security.beta.kubernetes.io/"


def _apparmor(pod: Pod) -> Iterator[Finding]:
    for pointer, container, context in pod.contexts:
        profile = context.app_armor_profile
        if profile is not None and profile.type not in _ALLOWED:
            yield Finding(
                "apparmor",
                f"{pointer}/appArmorProfile/type",
                f'appArmorProfile.type is "{profile.type or ""}" (forbidden AppArmor profile), '
                "must be RuntimeDefault, Localhost or unset",
                container,
                Fix("securityContext: {appArmorProfile: {type: RuntimeDefault}}"),
            )
    for key, value in sorted(pod.annotations.items()):
        if key.startswith(_PREFIX) and value and not _is_allowed(value):
            yield Finding(
                "apparmor",
                f"/metadata/annotations/{escape(key)}",
                f'annotation {key} is "{value}" (forbidden AppArmor profile), '
                "must be runtime/default, localhost/* or unset",
                fix=Fix(f"{key}: runtime/default"),
            )


def _is_allowed(annotation: str) -> bool:
    return annotation == "runtime/default" or annotation.startswith("localhost/")


CHECK = Check(
    id="apparmor",
    title="AppArmor is not switched off",
    tier=2,
    level=Level.BASELINE,
    upstream="appArmorProfile",
    revisions=(Revision(KubeVersion(1, 0), _apparmor),),
    profiles=Profiles(Default.ENFORCE, Default.ENFORCE, Default.ENFORCE),
    explanation=Explanation(
        what="Where an AppArmor profile is set, by field or by the older annotation, it is the "
        "runtime's default or a local one, not Unconfined.",
        why="The default profile keeps a container from mounting, from writing to /proc and /sys "
        "and from tracing others. It applies by itself where the node has AppArmor.",
        fix="""\
securityContext:
  appArmorProfile:
    type: RuntimeDefault  # or leave the field out""",
        breaks="Containers that mount file systems themselves; give those a Localhost profile.",
    ),
    supports=(
        ("CIS Kubernetes 1.10", "5.7.3"),
        ("NSA/CISA", "C-0055"),
        ("NIST 800-53 r5", "CM-3 CM-7"),
        ("NIST 800-190", "4.4.3"),
    ),
)
