"""Listens where a process was told to, and tells in its log where that is."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web

from revet.adapters.address import Address, SettingsError
from revet.adapters.log import Log

_BACKLOG: Final = 1024
_HANDSHAKE_S: Final = 10.0


@asynccontextmanager
async def listening(
    factory: Callable[[], asyncio.BaseProtocol],
    address: Address,
    name: str,
    log: Log,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[None]:
    """Take connections at an address, in the log by `name`, until the end.

    Raises:
        SettingsError: it can't be listened at; the text names the flag that it comes from.

    """
    try:
        server = await asyncio.get_running_loop().create_server(
            factory,
            address.host or None,
            address.port,
            ssl=tls,
            backlog=_BACKLOG,
            ssl_handshake_timeout=_HANDSHAKE_S if tls else None,
        )
    except OSError as error:
        flag = "--health" if tls is None else "--listen"
        raise SettingsError(f"{flag} {address.host}:{address.port}: {error}") from error
    for each in server.sockets:
        host, port, *_ = each.getsockname()
        log.write("listening", server=name, host=host, port=port)
    try:
        yield
    finally:
        server.close()


@asynccontextmanager
async def serving(
    runner: web.BaseRunner, address: Address, name: str, log: Log, tls: ssl.SSLContext | None = None
) -> AsyncIterator[None]:
    """Serve what aiohttp runs, as `listening` does, until the end.

    Raises:
        SettingsError: as there.

    """
    await runner.setup()
    try:
        assert runner.server is not None  # noqa: S101 -- made by its setup
        async with listening(runner.server, address, name, log, tls):
            yield
    finally:
        await runner.cleanup()
