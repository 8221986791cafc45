"""privileged-containers (baseline): no container may be privileged.

Fields: spec[.containers[*]].securityContext.privileged
Allowed: false, undefined
"""

from collections.abc import Iterator

from revet.core.check import Check, Default, Explanation, Finding, Fix, Level, Profiles, Revision
from revet.core.model.pod import Pod
from revet.core.model.version import KubeVersion


def _privileged(pod: Pod) -> Iterator[Finding]:
    for pointer, container, context in pod.contexts:
        # A pod-level securityContext has no such field.
        if context.privileged and container is not None:
            yield Finding(
                "privileged-containers",
                f"{pointer}/privileged",
                "privileged is true, must be false or unset",
                container,
                Fix("securityContext: {privileged: false}"),
            )


CHECK = Check(
    id="privileged-containers",
    title="No privileged containers",
    tier=1,
    level=Level.BASELINE,
    upstream="privileged",
    revisions=(Revision(KubeVersion(1, 0), _privileged),),
    profiles=Profiles(Default.ENFORCE, Default.ENFORCE, Default.ENFORCE),
    explanation=Explanation(
        what="No container sets securityContext.privileged: true.",
        why="A privileged container has all capabilities, all of the node's devices and no "
        "seccomp or AppArmor profile: whoever has a shell in it owns the node, and every pod and "
        "token on it.",
        fix="""\
containers:
- name: app
  securityContext:
    privileged: false     # or leave the field out""",
        breaks="Whatever needs the node itself: CNI and CSI drivers, device plugins, nested "
        "container runtimes. Run those in a namespace of their own that no enforcing policy "
        "selects.",
    ),
    supports=(
        ("CIS Kubernetes 1.10", "5.2.2"),
        ("NSA/CISA", "C-0057"),
        ("NIST 800-53 r5", "CM-3 CM-7"),
        ("NIST 800-190", "4.4.3"),
    ),
)
