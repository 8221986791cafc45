"""Which registries may be asked, and how each is reached: its CA, its mirrors, its address."""

import ssl
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

from revet.adapters.registry.error import RegistryError

_DOCKER_HUB: Final = "docker.io"
#: Where Docker Hub's API and its tokens are: known to everybody, and named by no reference.
_DOCKER_API: Final = "registry-1.docker.io"
_DOCKER_TOKENS: Final = "auth.docker.io"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """How one registry is reached.

    Attributes:
        host: as references name it, with the port if it is not 443.
        ca_pem: the only authorities to trust, if not the system's.
        mirrors: hosts that are asked first, in this order.

    """

    host: str
    ca_pem: str = ""
    mirrors: Sequence[str] = ()


class Endpoints:
    """The registries that somebody has named; nobody else is asked."""

    def __init__(self, named: Iterable[str], endpoints: Iterable[Endpoint] = ()) -> None:
        """Take the names of registries, and how some of them are reached."""
        self._endpoints = {_short(each.host): each for each in endpoints}
        mirrors = {mirror for each in self._endpoints.values() for mirror in each.mirrors}
        names = {*named, *self._endpoints, *mirrors}
        #: The addresses that we were told to talk to.
        self.named = frozenset(map(address, names)) | (
            {_DOCKER_TOKENS} if _DOCKER_HUB in names else frozenset[str]()
        )

    def order(self, host: str) -> list[str]:
        """Return whom to ask for what `host` has: its mirrors, then itself.

        Raises:
            RegistryError: nobody has named it.

        """
        if address(host) not in self.named:
            raise RegistryError(host, 0, "no policy names this registry, so it is not asked")
        endpoint = self._endpoints.get(_short(host))
        return [*(endpoint.mirrors if endpoint else ()), host]

    def tls(self, host: str) -> ssl.SSLContext:
        """Return the context that trusts the host's authorities.

        Raises:
            RegistryError: they can't be read.

        """
        endpoint = self._endpoints.get(_DOCKER_HUB if host == _DOCKER_API else host)
        try:
            return _context(endpoint.ca_pem if endpoint else "")
        except (ssl.SSLError, ValueError) as error:
            raise RegistryError(host, 0, f"its CA can't be used: {error}") from error


def address(host: str) -> str:
    """Return the host to connect to, and its port if it is not 443."""
    return _DOCKER_API if _short(host) == _DOCKER_HUB else _short(host)


def host_of(url: str) -> str:
    """Return host and port of a URL, the port only if it is not 443."""
    return _short(urlsplit(url).netloc.lower())


def _short(host: str) -> str:
    return host.removesuffix(":443")


@lru_cache(maxsize=256)  # to read the system's authorities takes tens of milliseconds
def _context(ca_pem: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=ca_pem or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
