"""A timestamp authority, RFC 3161."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.support.sigstore.authority import new_key
from tests.support.sigstore.der import (
    NULL,
    SET,
    generalized_time,
    integer,
    octets,
    oid,
    sequence,
    wrap,
)

_SHA256: Final = "2.16.840.1.101.3.4.2.1"
_ECDSA_SHA256: Final = "1.2.840.10045.4.3.2"
_SIGNED_DATA: Final = "1.2.840.113549.1.7.2"
_TST_INFO: Final = "1.2.840.113549.1.9.16.1.4"
_CONTENT_TYPE: Final = "1.2.840.113549.1.9.3"
_MESSAGE_DIGEST: Final = "1.2.840.113549.1.9.4"
_SIGNING_CERTIFICATE_2: Final = "1.2.840.113549.1.9.16.2.47"
_LIFE: Final = timedelta(days=3650)


@dataclass
class StampAuthority:
    """Says when it saw some bytes."""

    now: datetime
    root_key: ec.EllipticCurvePrivateKey = field(default_factory=new_key)
    key: ec.EllipticCurvePrivateKey = field(default_factory=new_key)

    def __post_init__(self) -> None:
        self.root = self._issue("stamp-root", self.root_key)
        self.certificate = self._issue("stamps", self.key)

    @property
    def chain(self) -> tuple[x509.Certificate, ...]:
        """The certificates, the signing one first."""
        return self.certificate, self.root

    def stamp(self, message: bytes, when: datetime) -> bytes:
        """Return a response with a signed time."""
        info = _info(message, when)
        attributes = self._attributes(info)
        signature = self.key.sign(wrap(SET, *attributes), ec.ECDSA(hashes.SHA256()))
        name = self.certificate.issuer.public_bytes()
        signer = sequence(
            integer(1),
            sequence(name, integer(self.certificate.serial_number)),
            _algorithm(_SHA256),
            wrap(0xA0, *attributes),
            sequence(oid(_ECDSA_SHA256)),
            octets(signature),
        )
        content = sequence(oid(_TST_INFO), wrap(0xA0, octets(info)))
        raw = self.certificate.public_bytes(Encoding.DER)
        data = sequence(
            integer(3), wrap(SET, _algorithm(_SHA256)), content, wrap(0xA0, raw), wrap(SET, signer)
        )
        token = sequence(oid(_SIGNED_DATA), wrap(0xA0, data))
        return sequence(sequence(integer(0)), token)

    def _attributes(self, info: bytes) -> list[bytes]:
        raw = self.certificate.public_bytes(Encoding.DER)
        own = sequence(sequence(sequence(octets(hashlib.sha256(raw).digest()))))
        found = (
            (_CONTENT_TYPE, oid(_TST_INFO)),
            (_MESSAGE_DIGEST, octets(hashlib.sha256(info).digest())),
            (_SIGNING_CERTIFICATE_2, own),
        )
        # A set in DER has its members in order of their bytes.
        return sorted(sequence(oid(kind), wrap(SET, value)) for kind, value in found)

    def _issue(self, name: str, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
        is_root = key is self.root_key
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(name))
            .issuer_name(_name("stamp-root"))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.now - _LIFE)
            .not_valid_after(self.now + _LIFE)
            .add_extension(x509.BasicConstraints(is_root, None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        )
        if not is_root:
            purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
            builder = builder.add_extension(purpose, critical=True)
        return builder.sign(self.root_key, hashes.SHA256())


def _info(message: bytes, when: datetime) -> bytes:
    imprint = sequence(_algorithm(_SHA256), octets(hashlib.sha256(message).digest()))
    return sequence(integer(1), oid("1.2.3.4"), imprint, integer(7), generalized_time(when))


def _algorithm(dotted: str) -> bytes:
    return sequence(oid(dotted), NULL)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])
