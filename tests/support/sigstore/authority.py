"""Certificates: an authority with its certificate log, and the leaves that it issues."""

import hashlib
import struct
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.support.sigstore import der

ISSUER: Final = "https://issuer.example.com"
SUBJECT: Final = "ci@example.com"
_V1: Final = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.1")
_V2: Final = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.8")
_STAMPS: Final = x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")
_LIFE: Final = timedelta(days=3650)
_SIGNING: Final = {"digital_signature": True, "key_cert_sign": False, "crl_sign": False}
_ISSUING: Final = {"digital_signature": False, "key_cert_sign": True, "crl_sign": True}
_NEVER: Final = dict.fromkeys(
    (
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "encipher_only",
        "decipher_only",
    ),
    False,
)


def spki(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return the public half in DER form."""
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def key_id(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return the id that logs have: the hash of their key."""
    return hashlib.sha256(spki(key)).digest()


def new_key(curve: ec.EllipticCurve | None = None) -> ec.EllipticCurvePrivateKey:
    """Make a key, on P-256 if nothing else is said."""
    return ec.generate_private_key(curve or ec.SECP256R1())


@dataclass(frozen=True)
class Wish:
    """What a leaf shall be, where it is not what an honest authority issues."""

    subject: str = SUBJECT
    issuer: str = ISSUER
    old_issuer: str | None = None
    """The issuer by the older field; the same if left out."""
    has_new_issuer: bool = True
    not_before: datetime | None = None
    life: timedelta = timedelta(minutes=10)
    purpose: x509.ObjectIdentifier = ExtendedKeyUsageOID.CODE_SIGNING
    is_logged: bool = True
    ct_key: ec.EllipticCurvePrivateKey | None = None
    """The key that signs for the certificate log, if not its own."""
    is_authority: bool = False
    names: tuple[str, ...] | None = None
    """All names, if not the subject alone."""


@dataclass
class Authority:
    """A root, an issuer below it, and the log that all of its certificates are in."""

    now: datetime
    name: str = "test"
    root_key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: new_key(ec.SECP384R1()))
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: new_key(ec.SECP384R1()))
    ct_key: ec.EllipticCurvePrivateKey = field(default_factory=new_key)

    def __post_init__(self) -> None:
        self.root = self._issue(f"{self.name}-root", self.root_key, f"{self.name}-root", 1)
        self.issuer = self._issue(f"{self.name}-issuer", self.key, f"{self.name}-root", 0)

    @property
    def chain(self) -> tuple[x509.Certificate, ...]:
        """The certificates of the authority, the issuer first."""
        return self.issuer, self.root

    def leaf(self, wish: Wish) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
        """Issue a certificate, and the key that it is for."""
        key = new_key()
        start = wish.not_before or self.now
        builder = self._describe(key, wish, start)
        if wish.is_logged:
            # What the log signs is the certificate without the log's stamp.
            bare = builder.sign(self.key, hashes.SHA384()).tbs_certificate_bytes
            stamp = _stamp(bare, start, self.key, wish.ct_key or self.ct_key)
            builder = builder.add_extension(
                x509.UnrecognizedExtension(_STAMPS, stamp), critical=False
            )
        return key, builder.sign(self.key, hashes.SHA384())

    def _describe(
        self, key: ec.EllipticCurvePrivateKey, wish: Wish, start: datetime
    ) -> x509.CertificateBuilder:
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(self.issuer.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + wish.life)
            .add_extension(_usage(_ISSUING if wish.is_authority else _SIGNING), critical=True)
            .add_extension(x509.ExtendedKeyUsage([wish.purpose]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), False
            )
        )
        if wish.is_authority:
            builder = builder.add_extension(x509.BasicConstraints(True, None), critical=True)
        names = (wish.subject,) if wish.names is None else wish.names
        if names:
            alternative = x509.SubjectAlternativeName([_name(each) for each in names])
            builder = builder.add_extension(alternative, critical=True)
        old = wish.issuer if wish.old_issuer is None else wish.old_issuer
        builder = builder.add_extension(x509.UnrecognizedExtension(_V1, old.encode()), False)
        if wish.has_new_issuer:
            new = x509.UnrecognizedExtension(_V2, der.utf8(wish.issuer))
            builder = builder.add_extension(new, critical=False)
        return builder

    def _issue(
        self, subject: str, key: ec.EllipticCurvePrivateKey, issuer: str, depth: int
    ) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(_subject(subject))
            .issuer_name(_subject(issuer))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.now - _LIFE)
            .not_valid_after(self.now + _LIFE)
            .add_extension(x509.BasicConstraints(True, depth), critical=True)
            .add_extension(_usage(_ISSUING), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.root_key.public_key()),
                False,
            )
        )
        if key is not self.root_key:
            purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING])
            builder = builder.add_extension(purpose, critical=False)
        return builder.sign(self.root_key, hashes.SHA384())


def _stamp(
    bare: bytes,
    when: datetime,
    issuer: ec.EllipticCurvePrivateKey,
    log: ec.EllipticCurvePrivateKey,
) -> bytes:
    """Write the certificate log's stamp, RFC 6962 3.2."""
    milliseconds = struct.pack(">Q", int(when.timestamp() * 1000))
    length = struct.pack(">I", len(bare))[1:]
    entry = b"\0\1" + key_id(issuer) + length + bare + b"\0\0"
    signature = log.sign(b"\0\0" + milliseconds + entry, ec.ECDSA(hashes.SHA256()))
    signed = b"\4\3" + struct.pack(">H", len(signature)) + signature
    one = b"\0" + key_id(log) + milliseconds + b"\0\0" + signed
    return der.octets(struct.pack(">HH", len(one) + 2, len(one)) + one)


def _usage(allowed: dict[str, bool]) -> x509.KeyUsage:
    return x509.KeyUsage(**_NEVER, **allowed)


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _name(text: str) -> x509.GeneralName:
    if "://" in text:
        return x509.UniformResourceIdentifier(text)
    return x509.RFC822Name(text)
