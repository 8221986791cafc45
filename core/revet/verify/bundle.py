"""A Sigstore bundle: an envelope with all that it takes to verify it, by a key or a certificate.

https://github.com/sigstore/protobuf-specs/blob/main/protos/sigstore_bundle.proto
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from cryptography import x509
from rfc3161_client import decode_timestamp_response
from sigstore.errors import Error as LibraryError
from sigstore.models import Bundle as LibraryBundle

from revet.verify.certificate import read_certificate, read_identity, verify_certificate
from revet.verify.envelope import Envelope, read_envelope
from revet.verify.error import SignatureError
from revet.verify.evidence import KeySigner, Proof, Signer
from revet.verify.keys import is_signed
from revet.verify.log import Signed, fill_entry, verify_entry
from revet.verify.root import TrustRoot, as_der, require_past
from revet.verify.statement import read_statement
from revet.verify.strict import FEW_VALUES, decode_base64, read_json, take
from revet.verify.trust import Question

MEDIA_TYPES: Final = (
    "application/vnd.dev.sigstore.bundle.v0.3+json",
    "application/vnd.dev.sigstore.bundle+json;version=0.3",
    "application/vnd.dev.sigstore.bundle+json;version=0.2",
    "application/vnd.dev.sigstore.bundle+json;version=0.1",
)
_WHAT: Final = "the bundle"
_SIGNERS: Final = ("publicKey", "certificate", "x509CertificateChain")
_MOST_ENTRIES: Final = 8
_MOST_STAMPS: Final = 8


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle that was read, and not yet believed."""

    document: dict[str, Any]
    envelope: Envelope
    certificate: x509.Certificate | None
    entries: tuple[dict[str, Any], ...]
    stamps: tuple[bytes, ...]


def prove_bundle(raw: bytes, place: str, question: Question) -> Proof:
    """Verify a bundle.

    Raises:
        SignatureError: it proves nothing; the text says why.

    """
    bundle = read_bundle(raw)
    # What nobody has signed is not read: that takes longer than to find out.
    if bundle.certificate is None:
        signer, times, problem = _verify_by_key(bundle, question)
    else:
        signer, times, problem = _verify_by_certificate(bundle, bundle.certificate, question)
    statement = read_statement(bundle.envelope.payload, question.digest)
    logged = bool(bundle.entries) and not problem
    return Proof(place, signer, statement, min(times, default=None), logged, problem)


def read_bundle(raw: bytes) -> Bundle:
    """Read a bundle of a signed statement."""
    document = read_json(raw, _WHAT, FEW_VALUES)
    kind = take(document, "mediaType", str, _WHAT)
    if kind not in MEDIA_TYPES:
        raise SignatureError(f"{_WHAT} is of type {kind!r}, must be {MEDIA_TYPES[0]}")
    if "dsseEnvelope" not in document or "messageSignature" in document:
        raise SignatureError(f"{_WHAT} must hold a DSSE envelope, and nothing else")
    material = take(document, "verificationMaterial", dict, _WHAT)
    named = [each for each in _SIGNERS if each in material]
    if len(named) != 1:
        raise SignatureError(f"{_WHAT} must have one of {', '.join(_SIGNERS)}, has {named}")
    entries = material.setdefault("tlogEntries", [])
    stamps = (material.get("timestampVerificationData") or {}).get("rfc3161Timestamps") or []
    if len(entries) > _MOST_ENTRIES or len(stamps) > _MOST_STAMPS:
        raise SignatureError(f"{_WHAT} has {len(entries)} log entries and {len(stamps)} stamps")
    material["tlogEntries"] = [fill_entry(each) for each in entries]
    return Bundle(
        document,
        read_envelope(document["dsseEnvelope"]),
        _read_signer(named[0], material[named[0]]),
        tuple(material["tlogEntries"]),
        tuple(
            decode_base64(take(each, "signedTimestamp", str, _WHAT), "the stamp") for each in stamps
        ),
    )


def _read_signer(name: str, value: object) -> x509.Certificate | None:
    if name == "publicKey":
        return None
    if name == "x509CertificateChain":
        # Only the first is the signer's; the others are a stranger's idea of whom to trust.
        value = (take(value, "certificates", list, _WHAT) or [None])[0]
    raw = decode_base64(take(value, "rawBytes", str, _WHAT), "the certificate")
    return read_certificate(raw)


_Verified = tuple[Signer, list[datetime], str]


def _verify_by_key(bundle: Bundle, question: Question) -> _Verified:
    envelope = bundle.envelope
    key = question.trust.find_signer(envelope.signature, envelope.signed)
    signed = Signed(envelope.signed, envelope.payload, envelope.signature, key.der)
    times: list[datetime] = []
    problem = ""
    try:
        # A key counts by itself where the policy ignores logs, so this is told, not raised.
        times += _read_stamps(bundle, question)
        times += _verify_entries(bundle, signed, question)
    except SignatureError as error:
        problem = str(error)
    return KeySigner(key.fingerprint), times, problem


def _verify_by_certificate(
    bundle: Bundle, certificate: x509.Certificate, question: Question
) -> _Verified:
    root = question.trust.require_root()
    envelope = bundle.envelope
    signed = Signed(envelope.signed, envelope.payload, envelope.signature, as_der(certificate))
    times = [*_read_stamps(bundle, question), *_verify_entries(bundle, signed, question)]
    if not times:
        raise SignatureError("nobody trusted says when it was signed")
    for when in times:
        verify_certificate(certificate, root, when)
    if not is_signed(certificate.public_key(), envelope.signature, envelope.signed):
        raise SignatureError("the signature is not the certificate's, or of something else")
    if bundle.entries:
        _ask_library(bundle, root)
    return read_identity(certificate), times, ""


class _Anybody:
    """The library's policy that asks nothing: who signed is for ours, over all that was found."""

    def verify(self, cert: x509.Certificate) -> None:
        """Accept whoever it is."""


def _ask_library(bundle: Bundle, root: TrustRoot) -> None:
    """Have `sigstore` verify it whole."""
    try:
        whole = LibraryBundle.from_json(json.dumps(bundle.document))
        _, payload = root.verifier.verify_dsse(whole, _Anybody())
    except LibraryError as error:
        raise SignatureError(str(error)) from error
    if payload != bundle.envelope.payload:
        raise SignatureError("the library read another payload")


def _read_stamps(bundle: Bundle, question: Question) -> Iterator[datetime]:
    for raw in bundle.stamps:
        try:
            stamp = decode_timestamp_response(raw)
        except ValueError as error:
            raise SignatureError(f"the timestamp can't be read: {error}") from error
        root = question.trust.require_root()
        when = root.read_timestamp(stamp, bundle.envelope.signature)
        require_past(when, question.now, "the timestamp")
        yield when


def _verify_entries(bundle: Bundle, signed: Signed, question: Question) -> Iterator[datetime]:
    for entry in bundle.entries:
        when = verify_entry(entry, signed, question.trust.require_root(), question.now)
        if when is not None:
            yield when
