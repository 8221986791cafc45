"""Asks the webhook what is wrong with an image that runs: it has the keys, logins and evidence."""

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final
from zlib import crc32

import aiohttp
import msgspec

from revet.adapters.kube import KubeError
from revet.core.model.image_facts import Fault
from revet.core.verification import DOOR, TELLING_S, Asked, ToVerify, identify
from revet.operator.context import Context
from revet.operator.credentials import Credentials
from revet.operator.prober import Prober, Replica

#: Beyond the time that the webhook takes.
_GRACE_S: Final = 2.0
_MOST_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Untold:
    """Why nothing was told of an image; `is_nobody`: nothing would be of others either."""

    problem: str
    is_nobody: bool = False


Answer = tuple[Fault, ...] | Untold
_NOBODY: Final = Untold("no replica of the webhook answers", is_nobody=True)


class Inquiry:
    """Asks one replica, the same one for an image, by connections that are kept."""

    def __init__(
        self, context: Context, credentials: Credentials, prober: Prober | None = None
    ) -> None:
        settings = context.settings
        self._credentials = credentials
        self._prober = prober or Prober(
            context.objects, settings.namespace, settings.service, settings.webhook_url
        )
        #: Listed anew only where one of them fails, so that at rest nothing is read.
        self._replicas: Sequence[Replica] = ()
        self._session: aiohttp.ClientSession | None = None
        self._tls: tuple[bytes, ssl.SSLContext] | None = None

    async def close(self) -> None:
        """Let go of all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def ask(self, wanted: ToVerify) -> Answer:
        """Ask what is wrong with an image, of another replica where one does not answer."""
        if not self._credentials.bundle:
            return _NOBODY
        for is_last in (False, True):
            for replica in _in_turn(self._replicas, wanted.image):
                answer = await self._ask(replica, wanted)
                if answer is not None:
                    return answer
            if is_last:
                break
            try:
                self._replicas = await self._prober.replicas()
            except KubeError as error:
                return Untold(f"the replicas of the webhook can't be listed: {error}", True)
        return _NOBODY

    async def _ask(self, replica: Replica, wanted: ToVerify) -> Answer | None:
        """Return what a replica says; None where it does not answer."""
        if self._session is None:
            self._session = aiohttp.ClientSession()
        try:
            async with (
                asyncio.timeout(TELLING_S + _GRACE_S),
                self._session.post(
                    replica.url + DOOR + identify(wanted.demand),
                    data=msgspec.json.encode(Asked(wanted.reference)),
                    headers={"Content-Type": "application/json"},
                    ssl=self._trust(),
                    server_hostname=replica.server_name,
                ) as response,
            ):
                body = b""
                async for part in response.content.iter_any():
                    body += part
                    if len(body) > _MOST_BYTES:
                        return None
                return _read(response.status, body)
        except (aiohttp.ClientError, TimeoutError, OSError, msgspec.MsgspecError):
            return None

    def _trust(self) -> ssl.SSLContext:
        bundle = self._credentials.bundle
        if self._tls is None or self._tls[0] != bundle:
            self._tls = (bundle, ssl.create_default_context(cadata=bundle.decode()))
        return self._tls[1]


def _in_turn(replicas: Sequence[Replica], image: str) -> list[Replica]:
    """Return the replicas, the one first that has been asked about the image before."""
    known = sorted(replicas, key=lambda each: each.url)
    first = crc32(image.encode()) % len(known) if known else 0
    return [*known[first:], *known[:first]]


def _read(status: int, body: bytes) -> Answer:
    text = body.decode(errors="replace")
    match status:
        case HTTPStatus.OK:
            return msgspec.json.decode(body, type=tuple[Fault, ...])
        case HTTPStatus.NOT_FOUND:
            return Untold(f"the webhook judges by another version of the policy: {text}")
        case _:
            return (Fault(f"the webhook answered {status}: {text}", is_unknown=True),)
