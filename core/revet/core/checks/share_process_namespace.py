"""share-process-namespace: containers of a pod do not see each other's processes.

Fields: spec.shareProcessNamespace
Allowed: false, undefined
"""

from collections.abc import Iterator

from revet.core.check import (
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


def _share_process_namespace(pod: Pod) -> Iterator[Finding]:
    if pod.spec.share_process_namespace:
        yield Finding(
            "share-process-namespace",
            "/spec/shareProcessNamespace",
            "shareProcessNamespace is true, must be false or unset",
            None,
            Fix("remove it; kubectl debug --target shares with one container, for a while"),
        )


CHECK = Check(
    id="share-process-namespace",
    title="Containers do not share processes",
    tier=2,
    revisions=(Revision(KubeVersion(1, 0), _share_process_namespace),),
    profiles=Profiles(Default.DISABLED, Default.WARN, Default.ENFORCE),
    explanation=Explanation(
        what="shareProcessNamespace is not true.",
        why="With it every container reads the others' environment, memory and files, through "
        "/proc.",
        fix="""\
spec:
  shareProcessNamespace: false""",
        breaks="Sidecars that signal or watch the main process.",
    ),
)
