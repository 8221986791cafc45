"""The yardstick: a bare loop that sends requests as fast as the API server takes them."""

import asyncio
import ssl
import time
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from typing import Final, NamedTuple

import aiohttp

IN_FLIGHT: Final = 32


class Request(NamedTuple):
    """One request, its body serialised beforehand."""

    method: str
    url: str
    content_type: str = "application/json"
    body: bytes = b""


async def send_all(requests: Iterable[Request], tls: ssl.SSLContext) -> float:
    """Send them, 32 in flight; return the seconds that it took. A refusal is an error."""
    left = iter(list(requests))
    connector = aiohttp.TCPConnector(ssl=tls, limit=IN_FLIGHT)
    async with aiohttp.ClientSession(connector=connector) as session:
        started = time.perf_counter()
        await asyncio.gather(*(_send(session, left) for _ in range(IN_FLIGHT)))
        return time.perf_counter() - started


async def _send(session: aiohttp.ClientSession, left: Iterator[Request]) -> None:
    for method, url, content_type, body in left:
        headers = {"Content-Type": content_type}
        async with session.request(method, url, data=body, headers=headers) as answer:
            text = await answer.read()
            if answer.status >= HTTPStatus.BAD_REQUEST:
                raise RuntimeError(f"{method} {url}: {answer.status} {text[:300]!r}")
