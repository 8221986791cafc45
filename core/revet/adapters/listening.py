"""Listens where a process was told to, and tells in its log where that is."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web

from revet.adapters.address import Address, SettingsError
from revet.adapters.log import Log

_BACKLOG: Final = 1024


@asynccontextmanager
async def listening(
    runner: web.BaseRunner, address: Address, name: str, log: Log, tls: ssl.SSLContext | None = None
) -> AsyncIterator[None]:
    """Serve at an address, in the log by `name`, until the end.

    Raises:
        SettingsError: it can't be listened at; the text names the flag that it comes from.

    """
    await runner.setup()
    try:
        site = web.TCPSite(
            runner, address.host or None, address.port, ssl_context=tls, backlog=_BACKLOG
        )
        try:
            await site.start()
        except OSError as error:
            flag = "--health" if tls is None else "--listen"
            raise SettingsError(f"{flag} {address.host}:{address.port}: {error}") from error
        for host, port, *_ in runner.addresses:
            log.write("listening", server=name, host=host, port=port)
        yield
    finally:
        await runner.cleanup()
