"""A keyless signer's certificate: by whom, of when, and who it says signed."""

from datetime import UTC, datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    PolicyBuilder,
    Store,
    VerificationError,
)
from sigstore.errors import Error as LibraryError

from revet.verify.error import SignatureError
from revet.verify.evidence import Identity
from revet.verify.library import verify_stamp
from revet.verify.root import TrustRoot, require_within

# https://github.com/sigstore/fulcio/blob/main/docs/oid-info.md
_ISSUER: Final = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.8")
_OLD_ISSUER: Final = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.1")
_OTHER_NAME: Final = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.7")
_UTF8_STRING: Final = 0x0C
_SHORT_LENGTH: Final = 0x80
_LONGEST: Final = 2048


def read_certificate(der: bytes) -> x509.Certificate:
    """Read a certificate in DER form."""
    try:
        certificate = x509.load_der_x509_certificate(der)
        certificate.public_key()
        _ = certificate.extensions
    except (ValueError, UnsupportedAlgorithm) as error:
        raise SignatureError(f"the certificate can't be read: {error}") from error
    return certificate


def verify_certificate(certificate: x509.Certificate, root: TrustRoot, when: datetime) -> None:
    """Require a code-signing certificate of the root's, valid at a time and logged."""
    issuers = _verify_chain(certificate, root, when)
    _require_issuer(issuers[0], root, when)
    _require_code_signing(certificate)
    try:
        verify_stamp(certificate, issuers, root.ct_keyring)
    except LibraryError as error:
        raise SignatureError(f"the certificate's log stamp: {error}") from error
    stamps = certificate.extensions.get_extension_for_class(
        x509.PrecertificateSignedCertificateTimestamps
    )
    for stamp in stamps.value:
        root.require_certificate_log(stamp.log_id, stamp.timestamp.replace(tzinfo=UTC))


def read_identity(certificate: x509.Certificate) -> Identity:
    """Read who signed, and who vouched for them."""
    return Identity(_read_issuer(certificate), _read_subject(certificate))


def _verify_chain(
    certificate: x509.Certificate, root: TrustRoot, when: datetime
) -> list[x509.Certificate]:
    trusted = [each for _, chain in root.authorities for each in chain]
    if not trusted:
        raise SignatureError("the trust root has no certificate authority")
    # Fulcio's certificates are for code signing; the defaults ask for client authentication.
    free = (x509.ExtendedKeyUsage, Criticality.NON_CRITICAL, None)
    policies = {
        "ca_policy": ExtensionPolicy.webpki_defaults_ca().may_be_present(*free),
        "ee_policy": ExtensionPolicy.webpki_defaults_ee().may_be_present(*free),
    }
    builder = PolicyBuilder().store(Store(trusted)).time(when).extension_policies(**policies)
    try:
        # What a stranger sends along as a chain is never looked at.
        chain = builder.build_client_verifier().verify(certificate, []).chain
    except (VerificationError, x509.UnsupportedGeneralNameType) as error:
        raise SignatureError(
            f"the certificate is not of the trust root, or not valid at {when}: {error}"
        ) from error
    return chain[1:]


def _require_issuer(issuer: x509.Certificate, root: TrustRoot, when: datetime) -> None:
    """Require that one of the authorities that have this issuer counted at the time."""
    windows = [window for window, chain in root.authorities if issuer in chain]
    for position, window in enumerate(windows, start=1):
        try:
            require_within(window, when, "the certificate authority")
        except SignatureError:
            if position == len(windows):
                raise
        else:
            return


def _require_code_signing(certificate: x509.Certificate) -> None:
    extensions = certificate.extensions
    try:
        usage = extensions.get_extension_for_class(x509.KeyUsage).value
        purposes = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound as error:
        raise SignatureError(f"the certificate does not say what it is for: {error}") from error
    if not usage.digital_signature or ExtendedKeyUsageOID.CODE_SIGNING not in purposes:
        raise SignatureError("the certificate is not for code signing")


def _read_subject(certificate: x509.Certificate) -> str:
    try:
        names = list(
            certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        )
    except x509.ExtensionNotFound as error:
        raise SignatureError("the certificate names nobody") from error
    if len(names) != 1:
        raise SignatureError(f"the certificate has {len(names)} names, must have one")
    match names[0]:
        case x509.RFC822Name(value=str(value)) | x509.UniformResourceIdentifier(value=str(value)):
            return _admit(value, "name")
        case x509.OtherName(type_id=type_id, value=bytes(der)) if type_id == _OTHER_NAME:
            return _admit(_read_utf8(der), "name")
    raise SignatureError("the certificate's name is of an unknown kind")


def _read_issuer(certificate: x509.Certificate) -> str:
    found = {
        each.oid: each.value.value
        for each in certificate.extensions
        if isinstance(each.value, x509.UnrecognizedExtension)
    }
    new, old = found.get(_ISSUER), found.get(_OLD_ISSUER)
    texts = {_read_utf8(new)} if new is not None else set()
    if old is not None:
        texts.add(_decode(old))
    if len(texts) != 1:
        reason = "two issuers that differ" if texts else "no issuer"
        raise SignatureError(f"the certificate has {reason}")
    return _admit(texts.pop(), "issuer")


def _read_utf8(der: bytes) -> str:
    """Read a DER UTF8String."""
    content = der[2:]
    if len(der) > 1 and der[1] >= _SHORT_LENGTH:
        size = der[1] - _SHORT_LENGTH
        length, content = int.from_bytes(der[2 : 2 + size]), der[2 + size :]
    else:
        length = der[1] if len(der) > 1 else -1
    if not der or der[0] != _UTF8_STRING or length != len(content):
        raise SignatureError("the certificate has a text that is no UTF8String")
    return _decode(content)


def _decode(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise SignatureError("the certificate has a text that is not UTF-8") from error


def _admit(text: str, what: str) -> str:
    if not text or len(text) > _LONGEST or not text.isprintable():
        raise SignatureError(f"the certificate's {what} is empty, too long or not printable")
    return text
