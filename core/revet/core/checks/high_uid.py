"""high-uid: containers run as a user that the node does not have.

Fields: spec[.containers[*]].securityContext.runAsUser
Allowed: 10000 and above, or what the policy says
"""

from collections.abc import Iterator
from typing import Final

from revet.core.check import (
    AdjustableRevision,
    Check,
    Default,
    Explanation,
    Finding,
    Fix,
    Parameter,
    Profiles,
)
from revet.core.model.pod import Pod
from revet.core.model.settings import Settings
from revet.core.model.version import KubeVersion

_LEAST: Final = 10000


def _high_uid(pod: Pod, settings: Settings) -> Iterator[Finding]:
    if pod.is_windows:
        return
    least = settings.min_user_id or _LEAST
    shared = pod.spec.security_context
    for pointer, container in pod.containers:
        own = container.security_context
        user = own.run_as_user if own is not None else None
        if user is None and shared is not None:
            user = shared.run_as_user
        if user is None or user < least:
            told = "not set" if user is None else str(user)
            yield Finding(
                "high-uid",
                f"{pointer}/securityContext/runAsUser",
                f"runAsUser is {told}, must be {least} or above",
                container.name,
                Fix(f"securityContext: {{runAsUser: {least + 1}}}"),
            )


CHECK = Check(
    id="high-uid",
    title="A user id of its own",
    tier=3,
    revisions=(AdjustableRevision(KubeVersion(1, 0), _high_uid),),
    profiles=Profiles(Default.DISABLED, Default.DISABLED, Default.AUDIT),
    parameters=(Parameter("minUserId", "The least user id; 10000 if not set."),),
    explanation=Explanation(
        what="Every container runs as a user id of 10000 or above, by itself or by the pod.",
        why="Ids below belong to somebody on many nodes: what gets out of its container is then "
        "not nobody.",
        fix="""\
spec:
  securityContext: {runAsUser: 10001}""",
        breaks="Images whose files belong to another user.",
    ),
)
