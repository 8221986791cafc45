"""run-as-user-nonzero (restricted, from 1.23): nobody may ask for user 0.

Fields: spec[.containers[*]].securityContext.runAsUser
Allowed: any number but 0, undefined; any with hostUsers: false (from 1.35)
"""

from collections.abc import Iterator

from revet.core.check import Check, Default, Explanation, Finding, Fix, Level, Profiles, Revision
from revet.core.model.pod import Pod
from revet.core.model.version import KubeVersion


def _user_1_23(pod: Pod) -> Iterator[Finding]:
    for pointer, container, context in pod.contexts:
        if context.run_as_user == 0:
            yield Finding(
                "run-as-user-nonzero",
                f"{pointer}/runAsUser",
                "runAsUser is 0, must be another number or unset",
                container,
                Fix("securityContext: {runAsUser: 10001}"),
            )


def _user_1_35(pod: Pod) -> Iterator[Finding]:
    # KEP-127: root in a user namespace is nobody on the node.
    if not pod.has_user_namespace:
        yield from _user_1_23(pod)


CHECK = Check(
    id="run-as-user-nonzero",
    title="runAsUser is not 0",
    tier=2,
    level=Level.RESTRICTED,
    upstream="runAsUser",
    revisions=(
        Revision(KubeVersion(1, 23), _user_1_23),
        Revision(KubeVersion(1, 35), _user_1_35),
    ),
    profiles=Profiles(Default.AUDIT, Default.ENFORCE, Default.ENFORCE),
    explanation=Explanation(
        what="Neither the pod nor a container sets runAsUser: 0, unless (from version 1.35) the "
        "pod has hostUsers: false.",
        why="It asks for root, whatever the image says; with runAsNonRoot: true beside it the "
        "container would not even start.",
        fix="""\
securityContext:
  runAsUser: 10001        # or leave it to the image""",
        breaks="Images that need root to start.",
    ),
    supports=(
        ("CIS Kubernetes 1.10", "5.2.7"),
        ("NSA/CISA", "C-0013"),
        ("NIST 800-190", "4.1.2"),
    ),
)
