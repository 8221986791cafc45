"""Asks every replica of the webhook by which policies it judges, before an entry depends on it."""

import asyncio
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

import aiohttp

from revet.adapters.objects import Objects
from revet.core.model.meta import Manifest

_TIMEOUT_S: Final = 3.0
_REVIEW: Final = {
    "apiVersion": "admission.k8s.io/v1",
    "kind": "AdmissionReview",
}
_KIND: Final = {"group": "revet.dev", "version": "v1alpha1", "kind": "HardeningPolicy"}


@dataclass(frozen=True, slots=True)
class Replica:
    """Where one replica answers, and by which name its certificate knows it."""

    url: str
    server_name: str | None


class Prober:
    """Finds the ready replicas of the webhook, and asks them."""

    def __init__(self, objects: Objects, namespace: str, service: str, url: str | None) -> None:
        """Ask at `url` if there is one, else whatever is ready behind the Service."""
        self._objects = objects
        self._namespace = namespace
        self._service = service
        self._url = url

    async def replicas(self) -> list[Replica]:
        """Return the replicas that are ready.

        Raises:
            KubeError: the API server does not tell.

        """
        if self._url is not None:
            return [Replica(self._url.rstrip("/"), None)]
        selector = f"kubernetes.io/service-name={self._service}"
        slices = await self._objects.list("EndpointSlice", self._namespace, selector)
        name = f"{self._service}.{self._namespace}.svc"
        return [Replica(url, name) for each in slices for url in _ready(each)]

    async def generations(
        self, replica: Replica, path: str, bundle: bytes
    ) -> Mapping[str, int] | None:
        """Return the generation of each policy that the entry at `path` serves there.

        None where the replica gives no good answer.
        """
        context = ssl.create_default_context(cadata=bundle.decode())
        request = {"uid": str(uuid4()), "kind": _KIND, "operation": "CONNECT"}
        try:
            async with (
                aiohttp.ClientSession() as session,
                asyncio.timeout(_TIMEOUT_S),
                session.post(
                    replica.url + path,
                    json=_REVIEW | {"request": request},
                    ssl=context,
                    server_hostname=replica.server_name,
                ) as response,
            ):
                answer: dict[str, Any] = await response.json()
                generations: dict[str, int] = json.loads(
                    answer["response"]["auditAnnotations"]["generations"]
                )
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError, KeyError, TypeError):
            return None
        return generations


def _ready(endpoint_slice: Manifest) -> list[str]:
    ports = endpoint_slice.get("ports") or []
    port = next((each["port"] for each in ports if each.get("port")), None)
    if port is None:
        return []
    return [
        f"https://{_bracket(address)}:{port}"
        for endpoint in endpoint_slice.get("endpoints") or ()
        # Absent counts as ready, as the API says.
        if (endpoint.get("conditions") or {}).get("ready") is not False
        for address in endpoint["addresses"][:1]
    ]


def _bracket(address: str) -> str:
    return f"[{address}]" if ":" in address else address
