"""Requests straight to the API server: kubectl takes a tenth of a second for each, these take one.

One connection per instance, so that a thread that loads the server has one of its own.
"""

import http.client
import json
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from e2e.cluster.controlplane import ControlPlane

Manifest = Mapping[str, Any]

MERGE: Final = "application/merge-patch+json"
APPLY: Final = "application/apply-patch+yaml"
STRATEGIC: Final = "application/strategic-merge-patch+json"
_DRY_RUN: Final = "?dryRun=All"
_PLURALS: Final = {
    "Namespace": "api/v1/namespaces",
    "Pod": "api/v1/pods",
    "PodTemplate": "api/v1/podtemplates",
    "ReplicationController": "api/v1/replicationcontrollers",
    "ResourceQuota": "api/v1/resourcequotas",
    "LimitRange": "api/v1/limitranges",
    "ServiceAccount": "api/v1/serviceaccounts",
    "ConfigMap": "api/v1/configmaps",
    "Event": "api/v1/events",
    "DaemonSet": "apis/apps/v1/daemonsets",
    "Deployment": "apis/apps/v1/deployments",
    "ReplicaSet": "apis/apps/v1/replicasets",
    "StatefulSet": "apis/apps/v1/statefulsets",
    "CronJob": "apis/batch/v1/cronjobs",
    "Job": "apis/batch/v1/jobs",
    "Service": "api/v1/services",
    "Secret": "api/v1/secrets",
    "Ingress": "apis/networking.k8s.io/v1/ingresses",
    "NetworkPolicy": "apis/networking.k8s.io/v1/networkpolicies",
    "Role": "apis/rbac.authorization.k8s.io/v1/roles",
    "RoleBinding": "apis/rbac.authorization.k8s.io/v1/rolebindings",
    "ClusterRole": "apis/rbac.authorization.k8s.io/v1/clusterroles",
    "Gateway": "apis/gateway.networking.k8s.io/v1/gateways",
    "ClusterRoleBinding": "apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
}


@dataclass(frozen=True)
class Answer:
    """What the API server said."""

    status: int
    body: Any
    warnings: tuple[str, ...] = ()

    @property
    def is_success(self) -> bool:
        """Whether it did as asked."""
        return self.status < http.HTTPStatus.BAD_REQUEST

    @property
    def message(self) -> str:
        """Why it did not."""
        return str(self.body.get("message", "")) if isinstance(self.body, dict) else self.body


class Api:
    """The API server as the admin sees it."""

    def __init__(self, plane: ControlPlane) -> None:
        tls = ssl.create_default_context(cadata=plane.ca_pem.decode())
        tls.load_cert_chain(plane.pki / "admin.crt", plane.pki / "admin.key")
        self._connection = http.client.HTTPSConnection(
            "127.0.0.1", plane.port, timeout=40, context=tls
        )

    def send(
        self, method: str, path: str, body: object = None, content_type: str = "application/json"
    ) -> Answer:
        """Send one request; after a broken connection the next one makes a new one."""
        headers = {"Content-Type": content_type, "Accept": "application/json"}
        data = None if body is None else json.dumps(body)
        try:
            self._connection.request(method, path, data, headers)
            response = self._connection.getresponse()
            text = response.read().decode()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            raise
        warnings = tuple(response.headers.get_all("Warning", ()))
        is_json = response.headers.get_content_type() == "application/json"
        return Answer(response.status, json.loads(text) if is_json else text, warnings)

    def create(self, manifest: Manifest, namespace: str, *, dry_run: bool = False) -> Answer:
        """Create an object."""
        path = collection(manifest["kind"], namespace)
        return self.send("POST", path + _DRY_RUN * dry_run, manifest)

    def patch(
        self,
        manifest: Manifest,
        namespace: str,
        change: object,
        subresource: str = "",
        content_type: str = MERGE,
    ) -> Answer:
        """Change an object, or its subresource (with its slash)."""
        return self.send("PATCH", place(manifest, namespace) + subresource, change, content_type)

    def get(self, manifest: Manifest, namespace: str) -> Answer:
        """Read an object."""
        return self.send("GET", place(manifest, namespace))

    def delete(self, manifest: Manifest, namespace: str) -> Answer:
        """Delete an object, at once: no kubelet would tell that a pod has ended."""
        options = {"gracePeriodSeconds": 0, "propagationPolicy": "Background"}
        return self.send("DELETE", place(manifest, namespace), options)

    def items(self, kind: str, namespace: str) -> list[Any]:
        """List the objects of a kind."""
        listed: list[Any] = self.send("GET", collection(kind, namespace)).body["items"]
        return listed

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def collection(kind: str, namespace: str) -> str:
    """Return the path of a kind's objects in a namespace; an empty one: of those in none."""
    prefix, _, plural = _PLURALS[kind].rpartition("/")
    return f"/{prefix}/namespaces/{namespace}/{plural}" if namespace else f"/{prefix}/{plural}"


def place(manifest: Manifest, namespace: str) -> str:
    """Return an object's path."""
    return f"{collection(manifest['kind'], namespace)}/{manifest['metadata']['name']}"


def wait_for(
    is_true: Callable[[], object], what: str, timeout_s: float = 30, every_s: float = 0.02
) -> None:
    """Wait for a condition, which is asked for every so many seconds."""
    deadline = time.monotonic() + timeout_s
    while not is_true():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {timeout_s:.0f} s")
        time.sleep(every_s)
