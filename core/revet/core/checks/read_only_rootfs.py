"""read-only-rootfs: containers write to volumes only.

Fields: spec.containers[*].securityContext.readOnlyRootFilesystem
Allowed: true
"""

from collections.abc import Iterator
from typing import Final

from revet.core.check import (
    AdjustableRevision,
    Assignment,
    Check,
    Default,
    Explanation,
    Finding,
    Fix,
    Json,
    Parameter,
    Profiles,
)
from revet.core.model.pod import Container, Pod
from revet.core.model.settings import Settings
from revet.core.model.version import KubeVersion

_HINT: Final = "securityContext: {readOnlyRootFilesystem: true}"


def _read_only_rootfs(pod: Pod, settings: Settings) -> Iterator[Finding]:
    if pod.is_windows:  # the API refuses the field there
        return
    for pointer, container in pod.containers:
        context = container.security_context
        value = context.read_only_root_filesystem if context is not None else None
        if value is not True:
            told = "false" if value is False else "not set"
            yield Finding(
                "read-only-rootfs",
                f"{pointer}/securityContext/readOnlyRootFilesystem",
                f"readOnlyRootFilesystem is {told}, must be true",
                container.name,
                Fix(_HINT, tuple(_patch(pointer, container, settings)) if value is None else ()),
            )


def _patch(pointer: str, container: Container, settings: Settings) -> Iterator[Assignment]:
    """Set it, and give the container an emptyDir at each path that the policy names.

    Without such paths it is never set: what a program writes, nobody can tell from outside.
    """
    if not settings.writable_paths or "ephemeralContainers" in pointer:
        return
    mounts = container.volume_mounts or ()
    taken = {mount.mount_path.rstrip("/") for mount in mounts}
    for path in settings.writable_paths:
        if path.rstrip("/") not in taken:
            name = volume_name(path)
            volume: Json = {"name": name, "emptyDir": {"sizeLimit": "64Mi"}}
            yield Assignment("/spec/volumes/-", volume)
            yield Assignment(f"{pointer}/volumeMounts/-", {"name": name, "mountPath": path})
    yield Assignment(f"{pointer}/securityContext/readOnlyRootFilesystem", value=True)


def volume_name(path: str) -> str:
    """Return the name of the volume for a path: a label, as the API asks."""
    letters = (char if char.isascii() and char.isalnum() else "-" for char in path.lower())
    return f"revet{''.join(letters)}"[:63].rstrip("-")


CHECK = Check(
    id="read-only-rootfs",
    title="Read-only root filesystem",
    tier=3,
    revisions=(AdjustableRevision(KubeVersion(1, 0), _read_only_rootfs),),
    profiles=Profiles(Default.AUDIT, Default.WARN, Default.ENFORCE_PATCH),
    patchable=True,
    parameters=(
        Parameter(
            "writablePaths",
            "Where a patched container gets an emptyDir of 64Mi, such as /tmp; without "
            "any, nothing is patched.",
        ),
    ),
    explanation=Explanation(
        what="Every container sets readOnlyRootFilesystem: true. Where patching is on and the "
        "policy has writablePaths, it is set on containers that say nothing of it, and each "
        "path becomes an emptyDir.",
        why="Who breaks into a program that cannot write its own filesystem finds nowhere to put "
        "a tool, and changes nothing that a restart would keep.",
        fix="""\
containers:
- name: app
  securityContext: {readOnlyRootFilesystem: true}
  volumeMounts: [{name: tmp, mountPath: /tmp}]
volumes:
- {name: tmp, emptyDir: {sizeLimit: 64Mi}}""",
        breaks="Programs that write elsewhere than to the paths that are named (/var/run, "
        "/var/cache/nginx, caches of the JVM and of Python); an emptyDir hides the image's "
        "files at its path.",
    ),
    supports=(
        ("NSA/CISA", "C-0017"),
        ("NIST 800-190", "4.4.4"),
    ),
)
