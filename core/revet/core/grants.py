"""What a role must not give away: the verbs on resources that each control of roles looks for.

One table, because rbac-aggregate looks for what any of the others does.
"""

from typing import Final

from revet.core.permissions import (
    ADMISSION,
    APPS,
    AUTHENTICATION,
    BATCH,
    CERTIFICATES,
    CORE,
    RBAC,
    Grant,
)

SECRETS_READ: Final = (Grant(CORE, ("secrets",), ("get", "list", "watch")),)

WORKLOAD_WRITE: Final = (
    Grant(CORE, ("pods", "replicationcontrollers"), ("create", "update", "patch")),
    Grant(
        APPS,
        ("daemonsets", "deployments", "replicasets", "statefulsets"),
        ("create", "update", "patch"),
    ),
    Grant(BATCH, ("cronjobs", "jobs"), ("create", "update", "patch")),
)

EXEC: Final = (
    Grant(
        CORE,
        ("pods/exec", "pods/attach", "pods/portforward", "pods/proxy", "services/proxy"),
        ("create", "get"),
    ),
)

EPHEMERAL_CONTAINERS: Final = (Grant(CORE, ("pods/ephemeralcontainers",), ("update", "patch")),)

ESCALATE_BIND: Final = (
    Grant(RBAC, ("roles", "clusterroles"), ("escalate", "bind"), frozenset({"cluster-admin"})),
    Grant(RBAC, ("rolebindings", "clusterrolebindings"), ("create", "update", "patch")),
)

#: The strongest there are: whoever may act as one of these needs no other name.
_STRONG: Final = frozenset(
    {"system:masters", "kubeadm:cluster-admins", "system:kube-controller-manager"}
)
_CONSTRAINED: Final = tuple(
    f"impersonate:{mode}"
    for mode in ("user-info", "serviceaccount", "arbitrary-node", "associated-node")
)
IMPERSONATE: Final = (
    Grant(CORE, ("users", "groups", "serviceaccounts"), ("impersonate",), _STRONG),
    Grant(AUTHENTICATION, ("uids", "userextras/*"), ("impersonate", *_CONSTRAINED)),
    Grant(
        AUTHENTICATION,
        ("users", "groups", "serviceaccounts", "nodes"),
        _CONSTRAINED,
        _STRONG,
    ),
)
#: What of it counts in a Role: all others are in no namespace.
IMPERSONATE_IN_NAMESPACE: Final = (
    Grant(CORE, ("serviceaccounts",), ("impersonate",)),
    Grant(AUTHENTICATION, ("serviceaccounts",), ("impersonate:serviceaccount",)),
)

NODE_PROXY: Final = (Grant(CORE, ("nodes/proxy",), ("get", "create"), narrows=False),)

TOKEN_REQUEST: Final = (Grant(CORE, ("serviceaccounts/token",), ("create",)),)

#: Signers of client certificates, which name any user or any node.
_CLIENT_SIGNERS: Final = frozenset(
    {
        "kubernetes.io/*",
        "kubernetes.io/kube-apiserver-client",
        "kubernetes.io/kube-apiserver-client-kubelet",
    }
)
# What certificatesigningrequests/approval and /status allow is nothing without this.
CSR: Final = (Grant(CERTIFICATES, ("signers",), ("approve", "sign"), _CLIENT_SIGNERS),)

ADMISSION_CONFIG: Final = (
    Grant(
        ADMISSION,
        (
            "validatingwebhookconfigurations",
            "mutatingwebhookconfigurations",
            "validatingadmissionpolicies",
            "validatingadmissionpolicybindings",
            "mutatingadmissionpolicies",
            "mutatingadmissionpolicybindings",
        ),
        ("create", "update", "patch", "delete", "deletecollection"),
    ),
)

# Labels are written by way of the subresources too.
NAMESPACE_WRITE: Final = (
    Grant(CORE, ("namespaces", "namespaces/status", "namespaces/finalize"), ("update", "patch")),
)

PV_CREATE: Final = (Grant(CORE, ("persistentvolumes",), ("create",), narrows=False),)

#: Wildcards are not among them: a chart may well give everything on its own resources.
ANY: Final = (
    *SECRETS_READ,
    *WORKLOAD_WRITE,
    *EXEC,
    *EPHEMERAL_CONTAINERS,
    *ESCALATE_BIND,
    *IMPERSONATE,
    *NODE_PROXY,
    *TOKEN_REQUEST,
    *CSR,
    *ADMISSION_CONFIG,
    *NAMESPACE_WRITE,
    *PV_CREATE,
)
