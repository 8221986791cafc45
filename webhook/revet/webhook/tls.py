"""The serving certificate: read at the start, and again when its files change.

The context stays the same: connections that stand are not touched, new ones get the new
certificate.
"""

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Final

from revet.adapters.address import SettingsError

_LOOK_EVERY_S: Final = 2.0


class ServingCertificate:
    """A TLS context (1.2 and up) whose certificate follows its files."""

    def __init__(self, cert: Path, key: Path, reloaded: Callable[[str | None], None]) -> None:
        """Read the files; `reloaded` is told of each later reading: None, or what went wrong.

        Raises:
            SettingsError: no certificate and key that belong together.

        """
        self._cert = cert
        self._key = key
        self._reloaded = reloaded
        self._seen = self._read()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            self._load(self.context)
        except (OSError, ssl.SSLError) as error:
            raise SettingsError(
                f"--tls-cert {cert} and --tls-key {key} can't be used: {error}"
            ) from error

    async def follow(self) -> None:
        """Look for a change every two seconds, until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            seen = self._read()
            if seen != self._seen:
                self._seen = seen
                self._reloaded(self._reload())

    def _reload(self) -> str | None:
        try:
            # Tried on a context nobody uses: half of a pair must not get into the one in use.
            self._load(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
            self._load(self.context)
        except (OSError, ssl.SSLError) as error:
            return f"{self._cert}: {error}; the certificate before it stays in use"
        return None

    def _load(self, context: ssl.SSLContext) -> None:
        context.load_cert_chain(self._cert, self._key)

    def _read(self) -> tuple[bytes, bytes] | None:
        # By content: a mounted Secret changes by swapping a link, its times tell little.
        try:
            return self._cert.read_bytes(), self._key.read_bytes()
        except OSError:
            return None
