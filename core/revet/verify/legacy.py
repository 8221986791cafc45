"""cosign's older layout: layers of the tags `.sig` and `.att`, with all else in annotations."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

import rfc8785
from cryptography import x509
from sigstore.errors import Error as LibraryError

from revet.verify.certificate import read_identity, verify_certificate
from revet.verify.envelope import read_envelope
from revet.verify.error import SignatureError
from revet.verify.evidence import KeySigner, Proof, Signer
from revet.verify.keys import is_signed
from revet.verify.library import keyring_of, verify_promise
from revet.verify.log import Signed, require_about
from revet.verify.root import TrustRoot, as_der, require_past, require_within
from revet.verify.statement import Statement, read_simple_signing, read_statement
from revet.verify.strict import FEW_VALUES, decode_base64, read_json, take
from revet.verify.trust import Question

SIMPLE_SIGNING: Final = "application/vnd.dev.cosign.simplesigning.v1+json"
ENVELOPE: Final = "application/vnd.dsse.envelope.v1+json"
MEDIA_TYPES: Final = (SIMPLE_SIGNING, ENVELOPE)

_SIGNATURE: Final = "dev.cosignproject.cosign/signature"
_CERTIFICATE: Final = "dev.sigstore.cosign/certificate"
_BUNDLE: Final = "dev.sigstore.cosign/bundle"
_BEGIN: Final = "-----BEGIN "
_LONGEST: Final = 64 * 1024
_WHAT: Final = "the log's promise"


def prove_layer(
    raw: bytes, media_type: str, annotations: Mapping[str, str], place: str, question: Question
) -> Proof:
    """Verify a layer.

    Raises:
        SignatureError: it proves nothing; the text says why.

    """
    if any(len(each) > _LONGEST for each in annotations.values()):
        raise SignatureError(f"an annotation is longer than {_LONGEST} characters")
    if media_type == SIMPLE_SIGNING:
        statement = read_simple_signing(raw, question.digest)
        signature = decode_base64(annotations.get(_SIGNATURE), f"the annotation {_SIGNATURE}")
        signed = Signed(raw, raw, signature, b"")
    else:
        envelope = read_envelope(read_json(raw, "the layer", FEW_VALUES))
        statement = read_statement(envelope.payload, question.digest)
        signed = Signed(envelope.signed, envelope.payload, envelope.signature, b"", raw)
    if _CERTIFICATE in annotations:
        signer, when = _verify_by_certificate(annotations, signed, question)
        return Proof(place, signer, statement, when, logged=True)
    return _prove_by_key(statement, place, annotations, signed, question)


def _prove_by_key(
    statement: Statement,
    place: str,
    annotations: Mapping[str, str],
    signed: Signed,
    question: Question,
) -> Proof:
    key = question.trust.find_signer(signed.signature, signed.message)
    signer = KeySigner(key.fingerprint)
    if _BUNDLE not in annotations:
        return Proof(place, signer, statement)
    try:
        when = _verify_promise(annotations, replace(signed, verifier=key.der), question)
    except SignatureError as error:
        return Proof(place, signer, statement, log_problem=str(error))
    return Proof(place, signer, statement, when, logged=True)


def _verify_by_certificate(
    annotations: Mapping[str, str], signed: Signed, question: Question
) -> tuple[Signer, datetime]:
    # The annotation `chain` is not looked at: whom to trust is the root's to say.
    certificate = _read_certificate(annotations[_CERTIFICATE])
    if _BUNDLE not in annotations:
        raise SignatureError("it is keyless and has no log entry, so that nobody says when")
    by_certificate = replace(signed, verifier=as_der(certificate))
    when = _verify_promise(annotations, by_certificate, question)
    verify_certificate(certificate, question.trust.require_root(), when)
    if not is_signed(certificate.public_key(), signed.signature, signed.message):
        raise SignatureError("the signature is not the certificate's, or of something else")
    return read_identity(certificate), when


def _read_certificate(pem: str) -> x509.Certificate:
    if pem.count(_BEGIN) != 1:
        raise SignatureError(f"the annotation {_CERTIFICATE} must hold one PEM block")
    try:
        return x509.load_pem_x509_certificate(pem.encode())
    except ValueError as error:
        raise SignatureError(f"the certificate can't be read: {error}") from error


def _verify_promise(annotations: Mapping[str, str], signed: Signed, question: Question) -> datetime:
    """Verify the signed entry timestamp, which this layout has in place of a proof."""
    document = read_json(annotations[_BUNDLE].encode(), _WHAT, FEW_VALUES)
    payload = take(document, "Payload", dict, _WHAT)
    fields: dict[str, Any] = {
        "body": take(payload, "body", str, _WHAT),
        "integratedTime": take(payload, "integratedTime", int, _WHAT),
        "logID": take(payload, "logID", str, _WHAT),
        "logIndex": take(payload, "logIndex", int, _WHAT),
    }
    promise = decode_base64(document.get("SignedEntryTimestamp"), _WHAT)
    when = datetime.fromtimestamp(fields["integratedTime"], UTC)
    _require_promise(fields, promise, when, question.trust.require_root())
    require_past(when, question.now, _WHAT)
    body = decode_base64(fields["body"], _WHAT)
    entry = read_json(body, _WHAT, FEW_VALUES)
    kind = (take(entry, "kind", str, _WHAT), take(entry, "apiVersion", str, _WHAT))
    require_about(body, kind, signed)
    return when


def _require_promise(
    fields: Mapping[str, Any], promise: bytes, when: datetime, root: TrustRoot
) -> None:
    try:
        key_id = bytes.fromhex(fields["logID"])
    except ValueError as error:
        raise SignatureError(f"{_WHAT} has a log id that is not hexadecimal") from error
    log = root.find_log(key_id)
    require_within(log.public_key.valid_for, when, "the log's key")
    try:
        verify_promise(keyring_of(log), key_id, promise, rfc8785.dumps(dict(fields)))
    except LibraryError as error:
        raise SignatureError(f"{_WHAT} is not the log's: {error}") from error
