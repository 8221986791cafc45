"""automount-sa-token: no pod gets a token that can do nothing, or that nobody has asked for.

Fields: spec.automountServiceAccountToken, the same of its ServiceAccount, and who that is bound to
Allowed: false; any where a role is bound to the ServiceAccount, or where the pod says it needs one
"""

from collections.abc import Iterator
from typing import Final

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

_ID: Final = "automount-sa-token"
_POINTER: Final = "/spec/automountServiceAccountToken"
_NEEDED: Final = "revet.dev/needs-api-token"
#: The API server mounts no token into what a node runs by itself, or what says that it is such.
_MIRROR: Final = "kubernetes.io/config.mirror"


def _automount_sa_token(pod: Pod) -> Iterator[Finding]:
    spec = pod.spec
    if spec.automount_service_account_token is False:
        return
    if pod.annotations.get(_NEEDED) == "true" or _MIRROR in pod.annotations:
        return
    name = spec.service_account_name or spec.service_account or "default"
    account = f"{pod.namespace}/{name}" if pod.namespace else name
    if spec.automount_service_account_token is None:
        seen = pod.around.service_account(pod.namespace, name)
        if not seen.items:
            yield Finding.unknown(_ID, _POINTER, f"ServiceAccount {account}")
            return
        if seen.items[0].automount_service_account_token is False:
            return
    is_bound = pod.around.is_bound(pod.namespace, name)
    if is_bound is None:
        needs = f"all RoleBindings and ClusterRoleBindings, for ServiceAccount {account}"
        yield Finding.unknown(_ID, _POINTER, needs)
    elif not is_bound:
        yield Finding(
            _ID,
            _POINTER,
            f"a token of ServiceAccount {account} is mounted, and no role is bound to that",
            None,
            Fix(f"automountServiceAccountToken: false, or the annotation {_NEEDED}"),
        )


CHECK = Check(
    id=_ID,
    title="No token without a use",
    tier=1,
    revisions=(Revision(KubeVersion(1, 0), _automount_sa_token),),
    profiles=Profiles(Default.AUDIT, Default.WARN, Default.ENFORCE),
    needs=frozenset({"ServiceAccount", "RoleBinding", "ClusterRoleBinding"}),
    # A ServiceAccount, or a binding of it, may come before the first pod does.
    defaulted=True,
    explanation=Explanation(
        what="automountServiceAccountToken is false, on the pod or, where the pod says nothing, on "
        "its ServiceAccount; or some role is bound to that ServiceAccount; or the pod carries the "
        'annotation revet.dev/needs-api-token: "true". What Kubernetes lets every identity do '
        "counts as no role.",
        why="A mounted token is the first thing that an attacker in the container reads: it opens "
        "the API server, and every hole in it, to whoever has it. A pod that has no rights there "
        "has no use for it.",
        fix="""\
apiVersion: v1
kind: ServiceAccount
metadata: {name: api}
automountServiceAccountToken: false""",
        breaks="Pods that log in elsewhere by the token alone, such as to Vault; say so by the "
        "annotation. Nothing is patched: by the time that Revet sees a pod the API server has "
        "mounted the token, so the ServiceAccount is the place to change.",
    ),
    supports=(
        ("CIS Kubernetes 1.10", "5.1.6"),
        ("NSA/CISA", "C-0034"),
    ),
)
