"""Keeps our Secrets: the authority, and the certificates that webhook and ingest serve with."""

from base64 import b64decode, b64encode
from collections.abc import Mapping
from secrets import token_urlsafe
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

from revet.core.model.meta import Manifest, Owner, render_metadata
from revet.operator.certificates import KeyPair, Trust, renew_serving, renew_trust
from revet.operator.context import Context

CA_SECRET: Final = "revet-webhook-ca"  # noqa: S105 -- a Secret's name, no secret
INGEST_SECRET: Final = "revet-ingest-tls"  # noqa: S105 -- as above
HANDOVER_TOKEN: Final = "handover-token"  # noqa: S105 -- a key in it
TLS_SECRET: Final = "revet-webhook-tls"  # noqa: S105 -- as above
_TOKEN_BYTES: Final = 32


class Credentials:
    """The authority and the serving certificates, as Secrets in our namespace."""

    def __init__(self, context: Context) -> None:
        self._context = context
        #: By what the ingest is asked; empty until it is made.
        self.handover_token = ""
        #: By what the webhook and the ingest are trusted; empty until it is made.
        self.bundle = b""

    async def keep(self, owner: Owner, standing: set[bytes]) -> Trust:
        """See that both are there and last; `standing` are the bundles that are trusted now.

        Raises:
            KubeError: a Secret could not be read or written.

        """
        now = self._context.now()
        ca_secret, tls_secret = await self._read(CA_SECRET), await self._read(TLS_SECRET)
        held, served = _data(ca_secret), _data(tls_secret)
        authority = KeyPair.read(held.get("tls.crt", b""), held.get("tls.key", b""))
        # Where one Secret was lost, the other one tells what was trusted.
        trust = renew_trust(authority, held.get("ca.crt") or served.get("ca.crt", b""), now)
        await self._write(CA_SECRET, ca_secret, trust.authority, trust, owner)
        serving = renew_serving(
            KeyPair.read(served.get("tls.crt", b""), served.get("tls.key", b"")),
            trust,
            self._hosts(),
            now,
            bundle_stands=standing <= {trust.bundle},
        )
        await self._write(TLS_SECRET, tls_secret, serving, trust, owner)
        self.bundle = trust.bundle
        if self._context.settings.has_ingest:
            await self._keep_ingest(trust, owner)
        metrics = self._context.metrics
        metrics.note_expiry("ca", trust.authority.parsed.not_valid_after_utc)
        metrics.note_expiry("serving", serving.parsed.not_valid_after_utc)
        return trust

    async def _keep_ingest(self, trust: Trust, owner: Owner) -> None:
        """See that the ingest has a certificate of the same authority, and the operator's token."""
        secret = await self._read(INGEST_SECRET)
        held = _data(secret)
        serving = renew_serving(
            KeyPair.read(held.get("tls.crt", b""), held.get("tls.key", b"")),
            trust,
            self._ingest_hosts(),
            self._context.now(),
            bundle_stands=True,
        )
        token = held.get(HANDOVER_TOKEN) or token_urlsafe(_TOKEN_BYTES).encode()
        further = {HANDOVER_TOKEN: token}
        await self._write(INGEST_SECRET, secret, serving, trust, owner, further)
        self._context.metrics.note_expiry("ingest", serving.parsed.not_valid_after_utc)
        self.handover_token = token.decode()

    async def _read(self, name: str) -> Manifest:
        namespace = self._context.settings.namespace
        return await self._context.objects.get("Secret", name, namespace) or {}

    async def _write(
        self,
        name: str,
        live: Manifest,
        pair: KeyPair,
        trust: Trust,
        owner: Owner,
        further: Mapping[str, bytes] = MappingProxyType({}),
    ) -> None:
        data = {"tls.crt": pair.certificate, "tls.key": pair.key, "ca.crt": trust.bundle, **further}
        # With the owner of an installation before this one it would soon be collected.
        owners = live.get("metadata", {}).get("ownerReferences") or ()
        if _data(live) == data and owner.reference in owners:
            return
        manifest = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": render_metadata(name, owner, self._context.settings.namespace),
            "type": "kubernetes.io/tls",
            "data": {key: b64encode(value).decode() for key, value in data.items()},
        }
        await self._context.objects.apply(manifest)
        self._context.log.write("certificate-written", secret=name)

    def _ingest_hosts(self) -> list[str]:
        settings = self._context.settings
        if settings.ingest_url is not None:
            return [urlsplit(settings.ingest_url).hostname or ""]
        return [f"{settings.ingest_service}.{settings.namespace}.svc"]

    def _hosts(self) -> list[str]:
        settings = self._context.settings
        if settings.webhook_url is not None:
            return [urlsplit(settings.webhook_url).hostname or ""]
        return [f"{settings.service}.{settings.namespace}.svc"]


def _data(secret: Manifest) -> dict[str, bytes]:
    data: Mapping[str, str] = secret.get("data") or {}
    return {key: b64decode(value) for key, value in data.items()}
