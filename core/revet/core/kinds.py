"""Every kind that a control judges, and what of it an update must change for us to be asked.

One table, because the reader, the entries and the renderer of the webhook configurations need it.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of object, in the one version (v1) that it is judged in.

    Attributes:
        group: its API group, empty for core.
        name: the kind.
        plural: the resource.
        judged: of a kind that holds no pod, the parts that an update must change to be judged, as
            paths of CEL; optional ones, since an expression error under Fail is a refusal.
        is_namespaced: whether it is in a namespace.
        holds_pod: whether it is a Pod, or has a template of one.
        condition: in CEL, which of them are judged at all, and on CREATE only; empty: all.
        is_admitted: whether the webhook is asked about them; else only the audit and the command
            line judge them.

    """

    group: str
    name: str
    plural: str
    judged: tuple[str, ...] = ()
    is_namespaced: bool = True
    holds_pod: bool = False
    condition: str = ""
    is_admitted: bool = True

    @property
    def path(self) -> str:
        """The API's path of all objects of the kind."""
        return self.path_in("")

    def path_in(self, namespace: str) -> str:
        """Return the API's path of those in a namespace; an empty one: of all."""
        root = f"/apis/{self.group}/v1" if self.group else "/api/v1"
        place = f"/namespaces/{namespace}" if namespace and self.is_namespaced else ""
        return f"{root}{place}/{self.plural}"

    @property
    def api_version(self) -> str:
        """The apiVersion of its objects."""
        return f"{self.group}/v1".removeprefix("/")


POD: Final = "Pod"
TOKEN_SECRET: Final = "kubernetes.io/service-account-token"  # noqa: S105 -- a type's name
_RBAC: Final = "rbac.authorization.k8s.io"
_NETWORKING: Final = "networking.k8s.io"
_SPEC: Final = ("?spec",)
_SPEC_OR_NOTES: Final = ("?spec", "metadata.?annotations")
_RULES: Final = ("?rules", "metadata.?labels")
_SUBJECTS: Final = ("?subjects",)
#: On a Namespace: the level that the in-tree plugin enforces.
POD_SECURITY: Final = "pod-security.kubernetes.io/enforce"
_HAS_LEVEL: Final = f"'{POD_SECURITY}' in object.metadata.?labels.orValue({{}})"
_IS_TOKEN: Final = f"object.?type.orValue('') == '{TOKEN_SECRET}'"

KINDS: Final[tuple[Kind, ...]] = (
    Kind("", POD, "pods", holds_pod=True),
    Kind("", "PodTemplate", "podtemplates", holds_pod=True),
    Kind("", "ReplicationController", "replicationcontrollers", holds_pod=True),
    Kind("apps", "DaemonSet", "daemonsets", holds_pod=True),
    Kind("apps", "Deployment", "deployments", holds_pod=True),
    Kind("apps", "ReplicaSet", "replicasets", holds_pod=True),
    Kind("apps", "StatefulSet", "statefulsets", holds_pod=True),
    Kind("batch", "CronJob", "cronjobs", holds_pod=True),
    Kind("batch", "Job", "jobs", holds_pod=True),
    # Without a level it may still get one, from the operator or from people: the audit looks then.
    Kind("", "Namespace", "namespaces", is_namespaced=False, condition=_HAS_LEVEL),
    Kind("", "Service", "services", _SPEC_OR_NOTES),
    # Its type never changes, and other Secrets are none of our business.
    Kind("", "Secret", "secrets", condition=_IS_TOKEN),
    # Nodes ask for certificates while nothing else is up yet: no webhook may stand in between.
    Kind(
        "certificates.k8s.io",
        "CertificateSigningRequest",
        "certificatesigningrequests",
        is_namespaced=False,
        is_admitted=False,
    ),
    Kind("gateway.networking.k8s.io", "Gateway", "gateways", _SPEC_OR_NOTES),
    Kind(_NETWORKING, "Ingress", "ingresses", _SPEC_OR_NOTES),
    Kind(_NETWORKING, "NetworkPolicy", "networkpolicies", _SPEC),
    Kind(_RBAC, "Role", "roles", _RULES),
    Kind(_RBAC, "RoleBinding", "rolebindings", _SUBJECTS),
    Kind(_RBAC, "ClusterRole", "clusterroles", _RULES, is_namespaced=False),
    Kind(_RBAC, "ClusterRoleBinding", "clusterrolebindings", _SUBJECTS, is_namespaced=False),
)

#: What is read only because others are judged by it.
BESIDE: Final[tuple[Kind, ...]] = (
    Kind("", "LimitRange", "limitranges"),
    Kind("", "ResourceQuota", "resourcequotas"),
    Kind("", "ServiceAccount", "serviceaccounts"),
)

BY_NAME: Final[dict[str, Kind]] = {kind.name: kind for kind in KINDS}
ADMITTED: Final = frozenset(kind.name for kind in KINDS if kind.is_admitted)
PODS: Final = frozenset(kind.name for kind in KINDS if kind.holds_pod)
TEMPLATES: Final = PODS - {POD}
