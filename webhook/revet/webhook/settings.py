"""The webhook's settings: its command line, read once and passed in."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from revet.core.errors import Error

_ADDRESS = re.compile(r"(?P<host>\[[0-9a-fA-F:.]+\]|[^:\[\]]*):(?P<port>[0-9]{1,5})")
_LAST_PORT = 65535


class SettingsError(Error):
    """A setting is not valid; the text names it and what is allowed."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen; port 0 takes a free one."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str, flag: str) -> Self:
        """Read `HOST:PORT`; an empty host means all interfaces.

        Raises:
            SettingsError: another form.

        """
        match = _ADDRESS.fullmatch(text)
        if match is None or int(match["port"]) > _LAST_PORT:
            raise SettingsError(f"{flag} {text!r} is no address, must be HOST:PORT such as :9443")
        return cls(match["host"].strip("[]"), int(match["port"]))


@dataclass(frozen=True, slots=True)
class Settings:
    """What the process was told.

    Attributes:
        listen: TLS, for the API server.
        health: plain HTTP: /healthz, /readyz, /metrics.
        tls_cert: PEM chain; read again when it changes.
        tls_key: PEM key; read again when it changes.
        kubeconfig: None takes the pod's ServiceAccount.
        system_namespaces: outside every policy that does not name them, never refused.
        stale_after_s: seconds without word from the API server until we are not ready.
        drain_s: seconds from SIGTERM on in which new connections are still answered.

    """

    listen: Address
    health: Address
    tls_cert: Path
    tls_key: Path
    kubeconfig: str | None
    system_namespaces: frozenset[str]
    stale_after_s: float
    drain_s: float
