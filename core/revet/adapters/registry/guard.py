"""Keeps us from being sent to addresses that a registry, or whoever answers for it, chooses.

https://cheatsheetseries.owasp.org/cheatsheets/Server_Side_Request_Forgery_Prevention_Cheat_Sheet.html
"""

import socket
from collections.abc import Collection
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

_NAT64: Final = IPv6Network("64:ff9b::/96")
_LOCALHOST: Final = "localhost"


class Guard(AbstractResolver):
    """Resolves names, and refuses addresses; aiohttp connects to exactly those that it returns.

    A host that somebody has named may be anywhere in the cluster or the company, but neither
    on this machine nor where clouds keep their metadata, unless the name itself says so. Any other
    must be on the internet.
    """

    def __init__(self, named: Collection[str], resolver: AbstractResolver | None = None) -> None:
        """Take the hosts that were named, without ports."""
        self._named = named
        self._resolver = resolver or ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of a host.

        Raises:
            OSError: one of them is forbidden: who mixes them in can't be trusted with the others.

        """
        found = await self._resolver.resolve(host, port, family)
        for each in found:
            self.check(host, each["host"])
        return found

    async def close(self) -> None:
        """Let go of the resolver."""
        await self._resolver.close()

    def check_literal(self, host: str) -> None:
        """Check a host that is an address: nobody resolves those.

        Raises:
            OSError: it is forbidden.

        """
        with suppress(ValueError):
            ip_address(host)
            self.check(host, host)

    def check(self, host: str, address: str) -> None:
        """Check an address that a host has.

        Raises:
            OSError: it is forbidden.

        """
        ip = _unwrap(ip_address(address.partition("%")[0]))
        is_named = host in self._named
        if ip.is_link_local or ip.is_multicast or ip.is_unspecified:
            raise OSError(f"{host} is at {ip}, where no registry may be")
        if ip.is_loopback and not (is_named and (host == _LOCALHOST or _is_address(host))):
            raise OSError(f"{host} is at {ip}, on this machine")
        if not is_named and not ip.is_global:
            raise OSError(f"{host} is at {ip}, on a private network, and no policy names it")


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _unwrap(ip: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return the address that one in IPv6 stands for: a way around would lead through it."""
    if isinstance(ip, IPv4Address):
        return ip
    if ip in _NAT64:
        return IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None) or ip
