"""Who we are to a registry: credentials by host and repository, such as a docker config has them.

A login of a cloud is one more CredentialSource; none is shipped.
"""

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Protocol

import msgspec

from revet.core.errors import Error


class CredentialError(Error):
    """A Secret holds no docker config; the text says what is wrong, and nothing of its content."""


@dataclass(frozen=True, slots=True)
class Credential:
    """A user with a password, or an identity token that a token server takes."""

    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)


class CredentialSource(Protocol):
    """Knows credentials; asked before each login, so it may renew what it has."""

    async def credential(self, host: str, repository: str) -> Credential | None:
        """Return what to log in with, None for nobody.

        Raises:
            Error: there should be some, and can't be had; the text says why.

        """


class Anonymous:
    """Has no credentials."""

    async def credential(self, host: str, repository: str) -> Credential | None:  # noqa: ARG002
        """Return None."""
        return None


class _Auth(msgspec.Struct, rename="lower"):
    auth: str | None = None
    username: str | None = None
    password: str | None = None
    identitytoken: str | None = None


class DockerConfig:
    """The credentials of a docker config: keys are hosts, hosts with a path, or globs of hosts."""

    def __init__(self, entries: Mapping[str, Credential]) -> None:
        """Take credentials by key, such as `registry.example.com/team`."""
        pairs = [(_normalise(key), credential) for key, credential in entries.items()]
        #: The longest one first: it says most of where it is meant for.
        self._entries = sorted(pairs, key=lambda pair: len(pair[0]), reverse=True)

    async def credential(self, host: str, repository: str) -> Credential | None:
        """Return the credential whose key says most of `host/repository`."""
        return self.find(host, repository)

    def find(self, host: str, repository: str) -> Credential | None:
        """Return the same; nothing here has to be waited for."""
        for key, credential in self._entries:
            name, _, path = key.partition("/")
            is_below = not path or repository == path or repository.startswith(f"{path}/")
            if is_below and _matches(host, name):
                return credential
        return None


class Several:
    """Asks several sources, the first that knows a credential counts."""

    def __init__(self, sources: Sequence[CredentialSource]) -> None:
        """Ask `sources` in this order."""
        self._sources = sources

    async def credential(self, host: str, repository: str) -> Credential | None:
        """Return the first credential that there is."""
        for source in self._sources:
            credential = await source.credential(host, repository)
            if credential is not None:
                return credential
        return None


def parse_docker_config(data: bytes) -> DockerConfig:
    """Read a `.dockerconfigjson`, or a `.dockercfg`, which is its `auths` alone.

    Raises:
        CredentialError: it is none.

    """
    try:
        config = msgspec.json.decode(data, type=dict[str, msgspec.Raw])
        auths = msgspec.json.decode(config.get("auths", data), type=dict[str, _Auth])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # The decoder's own text may quote what it stumbled over.
        raise CredentialError("is no docker config") from None
    return DockerConfig({key: _read(key, auth) for key, auth in auths.items()})


def _read(key: str, auth: _Auth) -> Credential:
    user, password = auth.username or "", auth.password or ""
    if auth.auth:
        try:
            user, _, password = b64decode(auth.auth, validate=True).decode().partition(":")
        except (Base64Error, UnicodeDecodeError):
            raise CredentialError(f"the auth of {key!r} is not base64 of USER:PASSWORD") from None
    return Credential(user, password, auth.identitytoken or "")


def _normalise(key: str) -> str:
    key = key.removeprefix("https://").removeprefix("http://").rstrip("/").lower()
    name, slash, path = key.partition("/")
    if name in {"index.docker.io", "registry-1.docker.io"}:
        name = "docker.io"
    # The address of Docker's first API, which configs still have for a key.
    return name if path in {"v1", "v2"} else name + slash + path


def _matches(host: str, pattern: str) -> bool:
    """Match part by part, as the kubelet does: a star does not reach over a dot."""
    parts, patterns = host.split("."), pattern.split(".")
    return len(parts) == len(patterns) and all(map(fnmatchcase, parts, patterns))
