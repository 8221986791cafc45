"""host-users-userns: root in the pod is nobody on the node.

Fields: spec.hostUsers
Allowed: false
"""

from collections.abc import Iterator

from revet.core.check import (
    Assignment,
    Check,
    Default,
    Explanation,
    Finding,
    Fix,
    Profiles,
    Revision,
)
from revet.core.model.pod import Pod
from revet.core.model.version import KubeVersion


def _host_users_userns(pod: Pod) -> Iterator[Finding]:
    spec = pod.spec
    if spec.host_users is False or pod.is_windows:
        return
    value = "not set" if spec.host_users is None else "true"
    yield Finding(
        "host-users-userns",
        "/spec/hostUsers",
        f"hostUsers is {value}, must be false",
        None,
        Fix("hostUsers: false", _patch(pod)),
    )


def _patch(pod: Pod) -> tuple[Assignment, ...]:
    # The API refuses these together with it. Whether the nodes and the volumes' filesystems can do
    # it cannot be seen from the pod: hence no profile patches.
    spec = pod.spec
    shares_host = spec.host_network or spec.host_pid or spec.host_ipc
    has_devices = any(container.volume_devices for _, container in pod.containers)
    if shares_host or has_devices or spec.host_users is not None:
        return ()
    return (Assignment("/spec/hostUsers", value=False),)


CHECK = Check(
    id="host-users-userns",
    title="Runs in a user namespace",
    tier=1,
    revisions=(Revision(KubeVersion(1, 0), _host_users_userns),),
    profiles=Profiles(Default.DISABLED, Default.AUDIT, Default.WARN),
    patchable=True,
    explanation=Explanation(
        what="hostUsers is false, so that the pod has a user namespace (KEP-127). Where a policy "
        "says patch: true, it is set on pods that say nothing of it and share nothing with "
        "the host.",
        why="Most ways out of a container end as the user that one was inside; in a user "
        "namespace that is a nobody on the node.",
        fix="""\
spec:
  hostUsers: false""",
        breaks="Needs nodes with idmapped mounts for every filesystem that is mounted; some kinds "
        "of NFS have none. Patch only where all nodes can do it "
        "(status.runtimeHandlers[].features.userNamespaces).",
    ),
)
