"""Asks each replica of the ingest for the findings that are newer than what it has told."""

import asyncio
import ssl
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final, Self

import aiohttp
import msgspec

from revet.core.runtime.handover import Portion
from revet.operator.prober import Replica

_TIMEOUT_S: Final = 3.0


class HandoverError(Exception):
    """A replica gave no portion; the text says why."""


class Asker:
    """Remembers what each replica has told last; a context manager that keeps connections."""

    def __init__(self) -> None:
        self._told: dict[Replica, str] = {}
        self._session: aiohttp.ClientSession | None = None
        self._tls: tuple[bytes, ssl.SSLContext] | None = None

    async def ask(
        self, replicas: Sequence[Replica], bundle: bytes, token: str
    ) -> list[Portion | HandoverError]:
        """Ask all of them at the same time."""
        self._told = {each: said for each, said in self._told.items() if each in replicas}
        if self._tls is None or self._tls[0] != bundle:
            self._tls = (bundle, ssl.create_default_context(cadata=bundle.decode()))
        context = self._tls[1]
        if self._session is None:
            self._session = aiohttp.ClientSession()
        asked = (self._ask(self._session, each, context, token) for each in replicas)
        return list(await asyncio.gather(*asked))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _ask(
        self, session: aiohttp.ClientSession, replica: Replica, tls: ssl.SSLContext, token: str
    ) -> Portion | HandoverError:
        try:
            async with (
                asyncio.timeout(_TIMEOUT_S),
                session.get(
                    f"{replica.url}/v1/handover?after={self._told.get(replica, '')}",
                    headers={"Authorization": f"Bearer {token}"},
                    ssl=tls,
                    server_hostname=replica.server_name,
                ) as response,
            ):
                body = await response.read()
                if response.status != HTTPStatus.OK:
                    return HandoverError(f"{replica.url}: {response.status}")
                portion = msgspec.json.decode(body, type=Portion)
        except (aiohttp.ClientError, TimeoutError, OSError, msgspec.MsgspecError) as error:
            return HandoverError(f"{replica.url}: {str(error) or type(error).__name__}")
        self._told[replica] = f"{portion.instance}:{portion.version}"
        return portion
