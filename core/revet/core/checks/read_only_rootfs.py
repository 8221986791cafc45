"""read-only-rootfs: containers write to volumes only.

Fields: spec.containers[*].securityContext.readOnlyRootFilesystem
Allowed: true
"""

import re
from collections.abc import Iterator, Mapping
from hashlib import sha256
from itertools import chain, count
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
from revet.core.host_path import is_within, normal_path, plain_path
from revet.core.model.container import Container
from revet.core.model.pod import Pod
from revet.core.model.settings import Settings
from revet.core.model.version import KubeVersion

_HINT: Final = "securityContext: {readOnlyRootFilesystem: true}"
_LONGEST_NAME: Final = 63
#: A path that says the same with dashes for slashes.
_PLAIN: Final = re.compile(r"(?:/[a-z0-9]+)+")


def _read_only_rootfs(pod: Pod, settings: Settings) -> Iterator[Finding]:
    if pod.is_windows:  # the API refuses the field there
        return
    volumes = _volumes(pod) if settings.writable_paths else {}
    for pointer, container in pod.containers:
        context = container.security_context
        value = context.read_only_root_filesystem if context is not None else None
        if value is not True:
            told = "false" if value is False else "not set"
            patch = _patch(volumes, pointer, container, settings) if value is None else ()
            yield Finding(
                "read-only-rootfs",
                f"{pointer}/securityContext/readOnlyRootFilesystem",
                f"readOnlyRootFilesystem is {told}, must be true",
                container.name,
                Fix(_HINT, tuple(patch)),
            )


def _volumes(pod: Pod) -> dict[str, bool]:
    """Return the names of the volumes, and whether one of that name may be written: an emptyDir."""
    found: dict[str, bool] = {}
    for volume in pod.spec.volumes or ():
        found[volume.name] = volume.empty_dir is not None and found.get(volume.name, True)
    return found


def _patch(
    volumes: Mapping[str, bool], pointer: str, container: Container, settings: Settings
) -> Iterator[Assignment]:
    """Set it, and give the container an emptyDir at each path that the policy names.

    Without such paths it is never set: what a program writes, nobody can tell from outside.
    """
    if not settings.writable_paths or "ephemeralContainers" in pointer:
        return
    mounted = [normal_path(mount.mount_path) for mount in container.volume_mounts or ()]
    for path in sorted({plain_path(each) for each in settings.writable_paths}):
        # What lies in a volume already is left alone: an emptyDir would hide what is there.
        if any(is_within(normal_path(path), folder) for folder in mounted):
            continue
        mounted.append(normal_path(path))
        name = _free_name(volumes, volume_name(path))
        volume: Json = {"name": name, "emptyDir": {"sizeLimit": "64Mi"}}
        if name not in volumes:
            yield Assignment("/spec/volumes/-", volume)
        yield Assignment(f"{pointer}/volumeMounts/-", {"name": name, "mountPath": path})
    yield Assignment(f"{pointer}/securityContext/readOnlyRootFilesystem", value=True)


def volume_name(path: str) -> str:
    """Return the name of the volume for a path: a label, and another for each path."""
    name = "revet" + path.replace("/", "-")
    if len(name) <= _LONGEST_NAME and _PLAIN.fullmatch(path):
        return name
    letters = (char if char.isascii() and char.isalnum() else "-" for char in path.lower())
    digest = sha256(path.encode()).hexdigest()[:8]
    return f"revet-{digest}{''.join(letters)}"[:_LONGEST_NAME].rstrip("-")


def _free_name(volumes: Mapping[str, bool], name: str) -> str:
    """Return the name, numbered where a volume that is no emptyDir has it."""
    numbered = (f"{name[: _LONGEST_NAME - 4]}-{number}" for number in count(2))
    return next(each for each in chain((name,), numbered) if volumes.get(each, True))


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
        "path becomes an emptyDir, but for paths that lie in one of the container's volumes.",
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
