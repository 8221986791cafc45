"""The webhook's certificate authority and serving certificate: made, renewed, overlapping.

A new authority is trusted before anything is signed with it: the bundle holds old and new, and the
serving certificate changes only when every entry carries the bundle. Functions of the time passed
in; nothing here reads a clock.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Self

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_LIFETIME: Final = timedelta(days=5 * 365)
SERVING_LIFETIME: Final = timedelta(days=90)
#: Renewed when this part of the lifetime is over: months are left to notice that it fails.
_RENEW_AFTER: Final = 2 / 3
# Clocks differ; a certificate must be valid for an API server whose clock is behind.
_BACKDATE: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A certificate and its key, both PEM."""

    certificate: bytes
    key: bytes

    @property
    def parsed(self) -> x509.Certificate:
        """The certificate, read."""
        return x509.load_pem_x509_certificate(self.certificate)

    @property
    def signer(self) -> ec.EllipticCurvePrivateKey:
        """The key, read.

        Raises:
            ValueError: it is no elliptic curve key, or not in the clear.

        """
        try:
            key = load_pem_private_key(self.key, password=None)
        except (TypeError, UnsupportedAlgorithm) as error:
            raise ValueError(f"the key can't be read: {error}") from error
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise ValueError("the key is no elliptic curve key")  # noqa: TRY004 -- a bad value
        return key

    def is_due(self, now: datetime) -> bool:
        """Return whether it is time to renew it; so it is where its time has not come yet."""
        certificate = self.parsed
        begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        return not begin <= now < begin + (end - begin) * _RENEW_AFTER

    @classmethod
    def read(cls, certificate: bytes, key: bytes) -> Self | None:
        """Read a pair; None where it is none of ours, or the two do not belong together."""
        pair = cls(certificate, key)
        try:
            fits = pair.parsed.public_key() == pair.signer.public_key()
        except (ValueError, UnsupportedAlgorithm):
            return None
        return pair if fits else None


@dataclass(frozen=True, slots=True)
class Trust:
    """The authority in use, and the bundle (PEM) of all that are to be trusted: it comes first."""

    authority: KeyPair
    bundle: bytes


def renew_trust(authority: KeyPair | None, trusted: bytes, now: datetime) -> Trust:
    """Return the authority to use at `now`: this one, or a new one.

    `trusted` are the authorities that were trusted until now (PEM): those alive still are, so that
    what they have signed goes on to be good, also where their key was lost.
    """
    if authority is None or not _may_sign(authority.parsed) or authority.is_due(now):
        authority = _make_authority(now)
    others = [
        each
        for each in _read_all(trusted)
        if each != authority.parsed and each.not_valid_after_utc > now
    ]
    parts = [authority.certificate, *(each.public_bytes(Encoding.PEM) for each in others)]
    return Trust(authority, b"".join(parts))


def renew_serving(
    current: KeyPair | None,
    trust: Trust,
    hosts: Sequence[str],
    now: datetime,
    *,
    bundle_stands: bool,
) -> KeyPair:
    """Return the serving certificate to use at `now`.

    `bundle_stands` says that every entry carries `trust`'s bundle. Until then a certificate of an
    older authority stays, unless it serves nobody any more.
    """
    if current is None or not _serves(current.parsed, trust, hosts, now):
        return _issue(trust.authority, hosts, now)
    is_newest = _is_signed_by(current.parsed, trust.authority.parsed)
    if bundle_stands and (not is_newest or current.is_due(now)):
        return _issue(trust.authority, hosts, now)
    return current


def _serves(
    certificate: x509.Certificate, trust: Trust, hosts: Sequence[str], now: datetime
) -> bool:
    authorities = _read_all(trust.bundle)
    return (
        certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc
        and any(_is_signed_by(certificate, each) for each in authorities)
        and _hosts(certificate) == {str(name.value) for name in _names(hosts)}
    )


def _is_signed_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _hosts(certificate: x509.Certificate) -> set[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return set()
    return {str(name.value) for name in names}


def _may_sign(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _read_all(bundle: bytes) -> list[x509.Certificate]:
    """Read a bundle; none where somebody has spoilt it."""
    try:
        return x509.load_pem_x509_certificates(bundle)
    except ValueError:
        return []


def _make_authority(now: datetime) -> KeyPair:
    key = ec.generate_private_key(ec.SECP256R1())
    # Two authorities must not share a name: the API server would try the wrong one first.
    subject = _name(f"revet-webhook-ca-{now:%Y%m%d%H%M%S}")
    builder = _builder(subject, subject, key, now, AUTHORITY_LIFETIME)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage(signs=True), critical=True)
    builder = _add_identifiers(builder, key, key)
    return KeyPair(builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM), _pem(key))


def _issue(authority: KeyPair, hosts: Sequence[str], now: datetime) -> KeyPair:
    signer, issuer = authority.signer, authority.parsed
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(_name("revet-webhook"), issuer.subject, key, now, SERVING_LIFETIME)
    builder = builder.add_extension(
        x509.BasicConstraints(ca=False, path_length=None), critical=True
    )
    builder = builder.add_extension(_usage(signs=False), critical=True)
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    builder = builder.add_extension(usage, critical=False)
    builder = builder.add_extension(x509.SubjectAlternativeName(_names(hosts)), critical=False)
    builder = _add_identifiers(builder, key, signer)
    return KeyPair(builder.sign(signer, hashes.SHA256()).public_bytes(Encoding.PEM), _pem(key))


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    now: datetime,
    lifetime: timedelta,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATE)
        .not_valid_after(now + lifetime)
    )


def _add_identifiers(
    builder: x509.CertificateBuilder,
    key: ec.EllipticCurvePrivateKey,
    signer: ec.EllipticCurvePrivateKey,
) -> x509.CertificateBuilder:
    # Strict verification (Python 3.13's default) wants both.
    own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    return builder.add_extension(own, critical=False).add_extension(issuer, critical=False)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _names(hosts: Sequence[str]) -> list[x509.GeneralName]:
    names: list[x509.GeneralName] = []
    for host in hosts:
        try:
            names.append(x509.IPAddress(ipaddress.ip_address(host)))
        except ValueError:
            names.append(x509.DNSName(host))
    return names


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
