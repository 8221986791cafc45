"""Objects of the cluster, written by server-side apply and read as plain manifests."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import msgspec

from revet.adapters.kube import Collection, Kube, KubeError
from revet.core.model.meta import FIELD_MANAGER, Manifest

_JSON_PATCH: Final = "application/json-patch+json"
_APPLY: Final = "application/apply-patch+yaml"


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind of object, as the API's paths name it."""

    api_version: str
    plural: str
    namespaced: bool = False


#: Every kind that the operator reads or writes.
RESOURCES: Final[dict[str, Resource]] = {
    "HardeningPolicy": Resource("revet.dev/v1alpha1", "hardeningpolicies"),
    "Namespace": Resource("v1", "namespaces"),
    "Secret": Resource("v1", "secrets", namespaced=True),
    "ConfigMap": Resource("v1", "configmaps", namespaced=True),
    "ResourceQuota": Resource("v1", "resourcequotas", namespaced=True),
    "LimitRange": Resource("v1", "limitranges", namespaced=True),
    "ServiceAccount": Resource("v1", "serviceaccounts", namespaced=True),
    "NetworkPolicy": Resource("networking.k8s.io/v1", "networkpolicies", namespaced=True),
    "Report": Resource("openreports.io/v1alpha1", "reports", namespaced=True),
    "PolicyReport": Resource("wgpolicyk8s.io/v1alpha2", "policyreports", namespaced=True),
    "CiliumNetworkPolicy": Resource("cilium.io/v2", "ciliumnetworkpolicies", namespaced=True),
    "ClusterRole": Resource("rbac.authorization.k8s.io/v1", "clusterroles"),
    "EndpointSlice": Resource("discovery.k8s.io/v1", "endpointslices", namespaced=True),
    "Pod": Resource("v1", "pods", namespaced=True),
    "ValidatingWebhookConfiguration": Resource(
        "admissionregistration.k8s.io/v1", "validatingwebhookconfigurations"
    ),
    "MutatingWebhookConfiguration": Resource(
        "admissionregistration.k8s.io/v1", "mutatingwebhookconfigurations"
    ),
    "ValidatingAdmissionPolicy": Resource(
        "admissionregistration.k8s.io/v1", "validatingadmissionpolicies"
    ),
    "ValidatingAdmissionPolicyBinding": Resource(
        "admissionregistration.k8s.io/v1", "validatingadmissionpolicybindings"
    ),
}


def path_of(kind: str, namespace: str = "", name: str = "") -> str:
    """Return the API's path of a collection, or of one object in it."""
    resource = RESOURCES[kind]
    root = "/apis/" if "/" in resource.api_version else "/api/"
    place = f"/namespaces/{namespace}" if resource.namespaced and namespace else ""
    return f"{root}{resource.api_version}{place}/{resource.plural}" + (f"/{name}" if name else "")


class Objects:
    """Reads and writes objects; each call is one request, or one a page."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube

    async def apply(self, manifest: Manifest, subresource: str = "") -> Manifest:
        """Write our fields of an object, making it if need be, and return it as it stands then.

        Raises:
            KubeError: refused, or no answer.

        """
        metadata = manifest["metadata"]
        path = path_of(manifest["kind"], metadata.get("namespace", ""), metadata["name"])
        query = {"fieldManager": FIELD_MANAGER, "force": "true"}
        answer = await self._kube.request(
            "PATCH", path + subresource, query, body=manifest, content_type=_APPLY
        )
        return _decode(answer)

    async def create(self, manifest: Manifest) -> Manifest:
        """Make an object that is not there yet, and return it as it stands then.

        Raises:
            KubeError: refused, there already, or no answer.

        """
        path = path_of(manifest["kind"], manifest["metadata"].get("namespace", ""))
        query = {"fieldManager": FIELD_MANAGER}
        return _decode(await self._kube.request("POST", path, query, body=manifest))

    async def patch(
        self, manifest: Manifest, operations: Sequence[Mapping[str, Any]], subresource: str = ""
    ) -> Manifest:
        """Change an object by a JSON patch (RFC 6902), and return it as it stands then.

        Raises:
            KubeError: refused, or no answer.

        """
        metadata = manifest["metadata"]
        path = path_of(manifest["kind"], metadata.get("namespace", ""), metadata["name"])
        query = {"fieldManager": FIELD_MANAGER}
        answer = await self._kube.request(
            "PATCH", path + subresource, query, body=operations, content_type=_JSON_PATCH
        )
        return _decode(answer)

    async def delete(self, manifest: Manifest) -> None:
        """Delete exactly the object that was seen, by its uid; one that is gone is no error.

        Raises:
            KubeError: refused, another object by now, or no answer.

        """
        await self._delete(manifest, "uid")

    async def delete_as_seen(self, manifest: Manifest) -> None:
        """Delete an object only if nobody has written it since it was seen.

        Raises:
            KubeError: refused, written by now (409), or no answer.

        """
        await self._delete(manifest, "uid", "resourceVersion")

    async def _delete(self, manifest: Manifest, *seen: str) -> None:
        metadata = manifest["metadata"]
        path = path_of(manifest["kind"], metadata.get("namespace", ""), metadata["name"])
        preconditions = {key: metadata[key] for key in seen}
        body = {"preconditions": preconditions, "propagationPolicy": "Background"}
        try:
            await self._kube.request("DELETE", path, body=body)
        except KubeError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise

    async def get(self, kind: str, name: str, namespace: str = "") -> Manifest | None:
        """Return an object, None if there is none.

        Raises:
            KubeError: refused, or no answer.

        """
        try:
            return _decode(await self._kube.request("GET", path_of(kind, namespace, name)))
        except KubeError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise

    async def list(
        self,
        kind: str,
        namespace: str = "",
        selector: str = "",
        fields: str = "",
        trim: Callable[[Manifest], Manifest] = dict,
    ) -> list[Manifest]:
        """Return all objects of a kind, of one namespace if named, with these labels and fields.

        Each is trimmed as it arrives.

        Raises:
            KubeError: refused, or no answer.

        """
        collection = Collection(path_of(kind, namespace), selector=selector, fields=fields)
        # Items of a list of built-in kinds do not say what they are.
        said = {"apiVersion": RESOURCES[kind].api_version, "kind": kind}
        return [
            trim({**said, **_decode(bytes(data))})
            async for page, _ in self._kube.pages(collection)
            for data in page
        ]


def _decode(data: bytes) -> Manifest:
    manifest: Manifest = msgspec.json.decode(data)
    return manifest
