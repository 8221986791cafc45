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
# OpenSSL's X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED.
_UNTIMELY: Final = (9, 10)
_MOST_FLIGHTS: Final = 10


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

    @property
    def flaw(self) -> str | None:
        """Why no client trusts it at this time; None where the time is right.

        Told by a handshake with ourselves: Python's ssl reads the times of no other certificate.
        """
        if self._seen is None:
            return None
        client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client.check_hostname = False
        client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        try:
            client.load_verify_locations(cadata=self._seen[0].decode())
            error = _shake_hands(client, self.context)
        except (ssl.SSLError, ValueError):
            return None  # whatever it is, it is not the time
        if error is None or error.verify_code not in _UNTIMELY:
            return None
        return f"{self._cert}: {error.verify_message}; no API server trusts it"

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


def _shake_hands(
    client: ssl.SSLContext, server: ssl.SSLContext
) -> ssl.SSLCertVerificationError | None:
    """Let two contexts meet in memory; return what the client says against the certificate."""
    here, there = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (client.wrap_bio(here, there), server.wrap_bio(there, here, server_side=True))
    for _ in range(_MOST_FLIGHTS):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLCertVerificationError as error:
                return error
    return None
