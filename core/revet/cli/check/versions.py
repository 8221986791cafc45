"""API versions of manifests: what is judged as what, and which ones no server serves any more.

https://kubernetes.io/docs/reference/using-api/deprecation-guide/
"""

from dataclasses import dataclass
from itertools import product
from typing import Final

from revet.core.kinds import KINDS, Kind

_WORKLOADS: Final = ("DaemonSet", "Deployment", "ReplicaSet")
_RBAC: Final = "rbac.authorization.k8s.io"
_ROLES: Final = ("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding")

#: (apiVersion, kinds, group now, the first version that does not serve it).
_GONE: Final = (
    ("extensions/v1beta1", _WORKLOADS, "apps", "v1.16"),
    ("apps/v1beta1", ("Deployment", "ReplicaSet", "StatefulSet"), "apps", "v1.16"),
    ("apps/v1beta2", (*_WORKLOADS, "StatefulSet"), "apps", "v1.16"),
    ("batch/v2alpha1", ("CronJob",), "batch", "v1.21"),
    ("batch/v1beta1", ("CronJob",), "batch", "v1.25"),
    ("extensions/v1beta1", ("NetworkPolicy",), "networking.k8s.io", "v1.16"),
    ("extensions/v1beta1", ("Ingress",), "networking.k8s.io", "v1.22"),
    ("networking.k8s.io/v1beta1", ("Ingress",), "networking.k8s.io", "v1.22"),
    (f"{_RBAC}/v1alpha1", _ROLES, _RBAC, "v1.22"),
    (f"{_RBAC}/v1beta1", _ROLES, _RBAC, "v1.22"),
)
_GONE_SINCE: Final = {
    place: (group, since)
    for version, kinds, group, since in _GONE
    for place in product((version,), kinds)
}
#: Custom resources may be served in several versions at once; here they have one shape.
_SERVED_TOO: Final = frozenset({("gateway.networking.k8s.io/v1beta1", "Gateway")})
_KINDS: Final = {(kind.group, kind.name): kind for kind in KINDS}


@dataclass(frozen=True, slots=True)
class Api:
    """The kind that an object is judged as; `complaint` says so where its version is not served."""

    kind: Kind
    complaint: str = ""


def resolve(api_version: str, kind: str) -> Api | None:
    """Return what objects of this version and kind are judged as; None: no control judges them."""
    gone = _GONE_SINCE.get((api_version, kind))
    if gone is not None:
        group, since = gone
        return Api(
            _KINDS[group, kind],
            f"{api_version} is not served since Kubernetes {since}, must be {_now(group)}",
        )
    group = api_version.rpartition("/")[0]
    known = _KINDS.get((group, kind))
    if known is None:
        return None
    if api_version == _now(group) or (api_version, kind) in _SERVED_TOO:
        return Api(known)
    return Api(known, f"no Kubernetes version serves {api_version} {kind}, must be {_now(group)}")


def _now(group: str) -> str:
    return f"{group}/v1".removeprefix("/")
