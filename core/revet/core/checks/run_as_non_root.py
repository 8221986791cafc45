"""run-as-non-root (restricted): no container may run as root.

Fields: spec[.containers[*]].securityContext.runAsNonRoot
Allowed: true; undefined where the pod says true; any with hostUsers: false (from 1.35)
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
from revet.core.model.container import Container
from revet.core.model.pod import Pod
from revet.core.model.version import KubeVersion

_HINT: Final = "securityContext: {runAsNonRoot: true}"


def _non_root_1_0(pod: Pod) -> Iterator[Finding]:
    for pointer, container_name, context in pod.contexts:
        if context.run_as_non_root is False:
            yield Finding(
                "run-as-non-root",
                f"{pointer}/runAsNonRoot",
                "runAsNonRoot is false, must be true",
                container_name,
                Fix(_HINT),
            )
    # A false on the pod has been found above; containers that inherit it add nothing new.
    if pod.spec.security_context is None or pod.spec.security_context.run_as_non_root is None:
        yield from _missing(pod)


def _missing(pod: Pod) -> Iterator[Finding]:
    for pointer, container in pod.containers:
        context = container.security_context
        if context is None or context.run_as_non_root is None:
            field = f"{pointer}/securityContext/runAsNonRoot"
            # Only where it changes nothing: with a name or root as the image's user the kubelet
            # would refuse to start the container, after admission.
            patch = bool(_effective_user(pod, container)) and not pod.is_windows
            yield Finding(
                "run-as-non-root",
                field,
                "runAsNonRoot is not set, must be true",
                container.name,
                Fix(_HINT, (Assignment(field, value=True),) if patch else ()),
            )


def _effective_user(pod: Pod, container: Container) -> int | None:
    own = container.security_context
    if own is not None and own.run_as_user is not None:
        return own.run_as_user
    shared = pod.spec.security_context
    return shared.run_as_user if shared is not None else None


def _non_root_1_35(pod: Pod) -> Iterator[Finding]:
    # KEP-127: root in a user namespace is nobody on the node.
    if not pod.has_user_namespace:
        yield from _non_root_1_0(pod)


CHECK = Check(
    id="run-as-non-root",
    title="Runs as non-root",
    tier=2,
    level=Level.RESTRICTED,
    upstream="runAsNonRoot",
    revisions=(
        Revision(KubeVersion(1, 0), _non_root_1_0),
        Revision(KubeVersion(1, 35), _non_root_1_35),
    ),
    patchable=True,
    profiles=Profiles(Default.AUDIT, Default.ENFORCE_PATCH, Default.ENFORCE_PATCH),
    explanation=Explanation(
        what="runAsNonRoot is true for every container, by itself or by the pod, unless (from "
        "version 1.35) the pod has hostUsers: false. Where patching is on, it is set on "
        "containers whose runAsUser is a number other than 0.",
        why="Root in a container is root on the node wherever one more wall falls: a kernel bug, "
        "a writable mount, a runtime's flaw.",
        fix="""\
spec:
  securityContext:
    runAsNonRoot: true
    runAsUser: 10001      # where the image's USER is root or a name and not a number""",
        breaks="Images that start as root, or whose USER is a name: the kubelet refuses to start "
        "them. Set runAsUser, or build the image with a numeric USER.",
    ),
    supports=(
        ("CIS Kubernetes 1.10", "5.2.7"),
        ("NSA/CISA", "C-0013"),
        ("NIST 800-190", "4.1.2"),
    ),
)
