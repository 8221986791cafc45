"""A Sigstore trust root: whose certificates, logs and timestamps count, and in which time.

The library `sigstore` reads it and checks signatures; it does not hold log and certificate
authorities to the times that the root gives them, so that is done here.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Final, Protocol
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import Encoding
from pydantic import ValidationError
from rfc3161_client import TimeStampResponse, VerifierBuilder
from rfc3161_client import VerificationError as TimestampError
from sigstore.errors import Error as LibraryError
from sigstore.models import TrustedRoot
from sigstore.verify import Verifier

from revet.verify.error import SignatureError
from revet.verify.library import (
    CertificateAuthority,
    CTKeyring,
    RootModel,
    TransparencyLogInstance,
    certificate_logs_of,
    model_of,
)
from revet.verify.strict import read_json

#: By how much a clock elsewhere may be ahead of ours.
SKEW: Final = timedelta(minutes=5)
_LISTS: Final = ("tlogs", "ctlogs", "certificateAuthorities", "timestampAuthorities")


class Window(Protocol):
    """A time from which, and up to which, something counts; None is open."""

    @property
    def start(self) -> datetime | None:
        """The first moment."""

    @property
    def end(self) -> datetime | None:
        """The last one."""


@dataclass(frozen=True)
class TrustRoot:
    """A trusted_root.json that was read; `digest` tells it from others."""

    digest: str
    library: TrustedRoot

    @cached_property
    def verifier(self) -> Verifier:
        """The library's verifier of certificates' bundles; needs authorities and logs."""
        try:
            return Verifier(trusted_root=self.library)
        except LibraryError as error:
            raise SignatureError(f"the trust root is for keys only: {error}") from error

    @cached_property
    def ct_keyring(self) -> CTKeyring:
        """The keys of all certificate transparency logs."""
        try:
            return certificate_logs_of(self.library)
        except LibraryError as error:
            raise SignatureError("the trust root has no certificate log") from error

    @cached_property
    def authorities(self) -> tuple[tuple[Window | None, tuple[x509.Certificate, ...]], ...]:
        """The certificate authorities: when each counts, and its chain, the issuer first."""
        return tuple(
            (each.valid_for, _load(each)) for each in model_of(self.library).certificate_authorities
        )

    def find_log(self, key_id: bytes) -> TransparencyLogInstance:
        """Find a transparency log by its id, which an entry must name."""
        for log in model_of(self.library).tlogs:
            if log.log_id.key_id == key_id:
                return log
        raise SignatureError(f"the log {key_id.hex()[:16]}… is not in the trust root")

    def require_certificate_log(self, key_id: bytes, when: datetime) -> None:
        """Require that a certificate log is known, and counted at a time."""
        for log in model_of(self.library).ctlogs:
            key = log.public_key
            if key.raw_bytes and hashlib.sha256(key.raw_bytes).digest() == key_id:
                require_within(key.valid_for, when, "the certificate log's key")
                return
        raise SignatureError(f"the certificate log {key_id.hex()[:16]}… is not in the trust root")

    def read_timestamp(self, stamp: TimeStampResponse, message: bytes) -> datetime:
        """Return the time by which a trusted authority saw the message."""
        when = stamp.tst_info.gen_time
        for authority in model_of(self.library).timestamp_authorities:
            chain = _load(authority)
            if len(chain) > 1 and _is_stamped(stamp, message, chain):
                require_within(authority.valid_for, when, "the timestamp authority")
                return when
        raise SignatureError("the timestamp is of no authority in the trust root")


def host_of(log: TransparencyLogInstance) -> str:
    """Return the name that a log has in its checkpoints."""
    return urlsplit(log.base_url).hostname or log.base_url


def require_within(window: Window | None, when: datetime, what: str) -> None:
    """Require that a time is one in which something counted."""
    if window is None:
        return
    if window.start is not None and when < window.start:
        raise SignatureError(f"{what} counts from {window.start}, this is of {when}")
    if window.end is not None and when > window.end:
        raise SignatureError(f"{what} counted until {window.end}, this is of {when}")


def require_past(when: datetime, now: datetime, what: str) -> None:
    """Require that a time is not to come: whoever can set it ahead keeps a signature young."""
    if when > now + SKEW:
        raise SignatureError(f"{what} is of {when}, which is still to come")


def read_root(raw: bytes) -> TrustRoot:
    """Read a trusted_root.json.

    Raises:
        SignatureError: it is not one; the text says what is wrong.

    """
    document = read_json(raw, "the trust root")
    # protojson leaves out what is empty; the library wants it there.
    for name in _LISTS:
        document.setdefault(name, [])
    for name in _LISTS[2:]:
        # What is of another form the library refuses, with the place where it stands.
        parts = document[name] if isinstance(document[name], list) else ()
        for each in (part for part in parts if isinstance(part, dict)):
            subject = each.setdefault("subject", {})
            if isinstance(subject, dict):
                subject.setdefault("organization", "")
                subject.setdefault("commonName", "")
    try:
        inner = RootModel.from_json(json.dumps(document))
        root = TrustRoot(hashlib.sha256(raw).hexdigest(), TrustedRoot(inner))
        _require_readable(root)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise SignatureError(f"the trust root: {place}: {first['msg']}") from error
    except (LibraryError, ValueError) as error:
        raise SignatureError(f"the trust root: {error}") from error
    return root


def _require_readable(root: TrustRoot) -> None:
    """Load what is loaded late otherwise: a broken root must not replace a good one."""
    inner = model_of(root.library)
    for authority in (*inner.certificate_authorities, *inner.timestamp_authorities):
        _load(authority)
    # The library leaves out a key that it can't read, and says so to nobody.
    for name, logs in (("tlogs", inner.tlogs), ("ctlogs", inner.ctlogs)):
        for index, log in enumerate(logs):
            _require_key(log, f"{name}[{index}].publicKey")
    if not (inner.tlogs or inner.certificate_authorities or inner.timestamp_authorities):
        raise ValueError("it trusts nobody")


def _require_key(log: TransparencyLogInstance, place: str) -> None:
    try:
        serialization.load_der_public_key(log.public_key.raw_bytes or b"")
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ValueError(f"{place} can't be read: {error}") from error


def _load(authority: CertificateAuthority) -> tuple[x509.Certificate, ...]:
    chain: Iterable[bytes] = (each.raw_bytes for each in authority.cert_chain.certificates)
    return tuple(x509.load_der_x509_certificate(each) for each in chain)


def _is_stamped(
    stamp: TimeStampResponse, message: bytes, chain: tuple[x509.Certificate, ...]
) -> bool:
    builder = VerifierBuilder().tsa_certificate(chain[0]).add_root_certificate(chain[-1])
    for each in chain[1:-1]:
        builder = builder.add_intermediate_certificate(each)
    try:
        builder.build().verify_message(stamp, message)
    except TimestampError:
        return False
    return True


def as_der(certificate: x509.Certificate) -> bytes:
    """Return a certificate's bytes."""
    return certificate.public_bytes(Encoding.DER)
