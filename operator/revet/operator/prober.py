"""Asks every replica of the webhook by which policies it judges, before an entry depends on it."""

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar
from uuid import uuid4

import aiohttp
import msgspec

from revet.adapters.objects import Objects
from revet.core.model.meta import Manifest

_TIMEOUT_S: Final = 3.0
_AT_ONCE: Final = 32  # questions under way; more of them would only wait for each other
_REVIEW: Final = {
    "apiVersion": "admission.k8s.io/v1",
    "kind": "AdmissionReview",
}
#: A path that no entry has: what is asked there is only whether somebody answers.
_NO_ENTRY: Final = "/audit/none"
T = TypeVar("T")
_KIND: Final = {"group": "revet.dev", "version": "v1alpha1", "kind": "HardeningPolicy"}


class _Response(msgspec.Struct, rename="camel"):
    audit_annotations: dict[str, str]


class _Review(msgspec.Struct):
    response: _Response


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
        return [Replica(url, name) for each in slices for url in ready_urls(each)]

    async def count(self, bundle: bytes) -> int:
        """Count the replicas that are ready; at a URL, where nobody says so, those that answer.

        Raises:
            KubeError: the API server does not tell.

        """
        replicas = await self.replicas()
        if self._url is None:
            return len(replicas)
        answers = await self.ask(replicas, [_NO_ENTRY], bundle)
        return sum(answer is not None for answer in answers.values())

    async def ask(
        self, replicas: Sequence[Replica], paths: Sequence[str], bundle: bytes
    ) -> Mapping[tuple[Replica, str], Mapping[str, int] | None]:
        """Return the generation of each policy that the entry at each path serves, by replica.

        None where a replica gives no good answer. All are asked at the same time.
        """
        questions = [(replica, path) for replica in replicas for path in paths]
        answers = await self._annotations(questions, bundle)
        told = (_read(each, "generations", dict[str, int]) for each in answers)
        return dict(zip(questions, told, strict=True))

    async def signers(
        self, replicas: Sequence[Replica], bundle: bytes
    ) -> Sequence[Mapping[str, str] | None]:
        """Return what each replica can't use of a policy's keys and roots, by uid.

        None where it gives no good answer.
        """
        answers = await self._annotations([(each, _NO_ENTRY) for each in replicas], bundle)
        return [_read(each, "signers", dict[str, str]) for each in answers]

    async def _annotations(
        self, questions: Sequence[tuple[Replica, str]], bundle: bytes
    ) -> list[Mapping[str, str]]:
        context = ssl.create_default_context(cadata=bundle.decode())
        turns = asyncio.Semaphore(_AT_ONCE)
        async with aiohttp.ClientSession() as session:
            asked = (_ask(session, *each, context, turns) for each in questions)
            return await asyncio.gather(*asked)


async def _ask(
    session: aiohttp.ClientSession,
    replica: Replica,
    path: str,
    context: ssl.SSLContext,
    turns: asyncio.Semaphore,
) -> Mapping[str, str]:
    """Return the annotations of an answer; none where there is no good one."""
    request = {"uid": str(uuid4()), "kind": _KIND, "operation": "CONNECT"}
    try:
        async with (
            turns,
            asyncio.timeout(_TIMEOUT_S),
            session.post(
                replica.url + path,
                json=_REVIEW | {"request": request},
                ssl=context,
                server_hostname=replica.server_name,
            ) as response,
        ):
            answer = await response.read()
            return msgspec.json.decode(answer, type=_Review).response.audit_annotations
    except (aiohttp.ClientError, TimeoutError, OSError, msgspec.MsgspecError):
        return {}


def _read(annotations: Mapping[str, str], name: str, kind: type[T]) -> T | None:
    """Read what an annotation tells; None where it tells nothing."""
    try:
        return msgspec.json.decode(annotations.get(name, ""), type=kind)
    except msgspec.MsgspecError:
        return None


def ready_urls(endpoint_slice: Manifest) -> list[str]:
    """Return where the ready endpoints of an EndpointSlice answer."""
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
