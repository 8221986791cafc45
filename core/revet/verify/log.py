"""Entries of a transparency log: that the log has one, of what, and when it came there."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any, Final, NamedTuple

from cryptography import x509
from sigstore.errors import Error as LibraryError
from sigstore.models import TransparencyLogEntry

from revet.verify.error import SignatureError
from revet.verify.keys import read_key
from revet.verify.library import EntryModel, keyring_of, model_of_entry, verify_inclusion
from revet.verify.root import (
    TrustRoot,
    as_der,
    host_of,
    require_past,
    require_within,
)
from revet.verify.strict import FEW_VALUES, decode_base64, read_json, take

_WHAT: Final = "the log entry"
_REKOR_2: Final = ("hashedrekord", "0.0.2")
_MESSAGE: Final = ("hashedrekord", "0.0.1")
_DSSE: Final = ("dsse", "0.0.1")
_INTOTO: Final = ("intoto", "0.0.1")
_CERTIFICATE: Final = "-----BEGIN CERTIFICATE-----"


@dataclass(frozen=True, slots=True)
class Signed:
    """What an entry must be about: the bytes that were signed, the signature and the signer."""

    message: bytes
    payload: bytes
    signature: bytes
    verifier: bytes
    """The DER form of the signer's certificate or key."""
    envelope: bytes = b""
    """The envelope as it was stored; cosign 2 logged that, and not the signature in it."""


def verify_entry(
    raw: dict[str, Any], signed: Signed, root: TrustRoot, now: datetime
) -> datetime | None:
    """Verify an entry with proof of inclusion; return when it came there, if the log says so."""
    entry = _parse(raw)
    inner = model_of_entry(entry)
    log = root.find_log(inner.log_id.key_id)
    try:
        verify_inclusion(entry, keyring_of(log))
    except LibraryError as error:
        raise SignatureError(f"{_WHAT}: {error}") from error
    kind = (inner.kind_version.kind, inner.kind_version.version)
    if kind == _REKOR_2:
        _require_origin(raw, host_of(log))
    require_about(inner.canonicalized_body, kind, signed)
    # Rekor 2 tells no time; a time without the log's promise is anybody's.
    if not inner.inclusion_promise or not inner.integrated_time:
        return None
    when = datetime.fromtimestamp(inner.integrated_time, UTC)
    require_within(log.public_key.valid_for, when, "the log's key")
    require_past(when, now, _WHAT)
    return when


def require_about(body: bytes, kind: tuple[str, str], signed: Signed) -> None:
    """Require that an entry is about this signature, and no other of the same log."""
    document = read_json(body, _WHAT, FEW_VALUES)
    if (document.get("kind"), document.get("apiVersion")) != kind:
        raise SignatureError(f"{_WHAT} is of another kind than it says")
    spec = take(document, "spec", dict, _WHAT)
    if kind not in _READERS:
        raise SignatureError(f"{_WHAT} is of kind {'/'.join(kind)}, which is not known")
    found = _READERS[kind](spec)
    hashed = _HASHED[kind](signed)
    if hashlib.new(found.algorithm, hashed).digest() != found.hashed:
        raise SignatureError(f"{_WHAT} is about another payload")
    if found.signature not in {signed.signature, None}:
        raise SignatureError(f"{_WHAT} is about another signature")
    if found.verifier != signed.verifier:
        raise SignatureError(f"{_WHAT} is about another signer")


def fill_entry(raw: object) -> dict[str, Any]:
    """Fill in what protojson leaves out for zero, as in the first entry of a log."""
    if not isinstance(raw, dict):
        raise SignatureError(f"{_WHAT} is no JSON object")
    filled = {"logIndex": "0", **raw}
    proof = filled.get("inclusionProof")
    if isinstance(proof, dict):
        filled["inclusionProof"] = {"logIndex": "0", "hashes": [], **proof}
    return filled


def _parse(filled: dict[str, Any]) -> TransparencyLogEntry:
    try:
        return TransparencyLogEntry(EntryModel.from_json(json.dumps(filled)))
    except (LibraryError, ValueError) as error:
        raise SignatureError(f"{_WHAT} can't be read: {error}") from error


def _require_origin(raw: dict[str, Any], host: str) -> None:
    """Require that a checkpoint is of the log that it says: one key may sign for several."""
    proof = take(raw, "inclusionProof", dict, _WHAT)
    envelope = take(take(proof, "checkpoint", dict, _WHAT), "envelope", str, _WHAT)
    origin = envelope.partition("\n")[0]
    if origin != host:
        raise SignatureError(f"{_WHAT} has a checkpoint of {origin!r}, must be of {host!r}")


class _Found(NamedTuple):
    """What an entry is about; the hash is one of SHA-2, none of which can be made to collide."""

    algorithm: str
    hashed: bytes
    signature: bytes | None
    """None where what was hashed has the signature in it."""
    verifier: bytes


def _read_rekor_2(spec: dict[str, Any]) -> _Found:
    inner = take(spec, "hashedRekordV002", dict, _WHAT)
    data = take(inner, "data", dict, _WHAT)
    algorithm = _HASHES.get(take(data, "algorithm", str, _WHAT))
    if algorithm is None:
        raise SignatureError(f"{_WHAT} has the hash {data['algorithm']}, must be of SHA-2")
    signature = take(inner, "signature", dict, _WHAT)
    verifier = take(signature, "verifier", dict, _WHAT)
    held = verifier.get("publicKey") or verifier.get("x509Certificate")
    return _Found(
        algorithm,
        decode_base64(data.get("digest"), _WHAT),
        decode_base64(signature.get("content"), _WHAT),
        decode_base64(take(held, "rawBytes", str, _WHAT), _WHAT),
    )


def _read_hashed(spec: dict[str, Any]) -> _Found:
    hashed = take(take(spec, "data", dict, _WHAT), "hash", dict, _WHAT)
    signature = take(spec, "signature", dict, _WHAT)
    held = take(signature, "publicKey", dict, _WHAT)
    content = decode_base64(signature.get("content"), _WHAT)
    return _Found(*_read_hash(hashed), content, _read_pem(held.get("content")))


def _read_dsse(spec: dict[str, Any]) -> _Found:
    signatures = take(spec, "signatures", list, _WHAT)
    if len(signatures) != 1:
        raise SignatureError(f"{_WHAT} has {len(signatures)} signatures, must have one")
    hashed = take(spec, "payloadHash", dict, _WHAT)
    content = decode_base64(take(signatures[0], "signature", str, _WHAT), _WHAT)
    verifier = _read_pem(take(signatures[0], "verifier", str, _WHAT))
    return _Found(*_read_hash(hashed), content, verifier)


def _read_intoto(spec: dict[str, Any]) -> _Found:
    hashed = take(take(spec, "content", dict, _WHAT), "hash", dict, _WHAT)
    return _Found(*_read_hash(hashed), None, _read_pem(spec.get("publicKey")))


def _read_hash(value: dict[str, Any]) -> tuple[str, bytes]:
    algorithm = take(value, "algorithm", str, _WHAT)
    if algorithm not in _HASHES.values():
        raise SignatureError(f"{_WHAT} has the hash {algorithm}, must be of SHA-2")
    try:
        return algorithm, bytes.fromhex(take(value, "value", str, _WHAT))
    except ValueError as error:
        raise SignatureError(f"{_WHAT} has a hash that is not hexadecimal") from error


def _read_pem(encoded: object) -> bytes:
    """Return the DER form of a certificate or key that stands there as PEM in base64."""
    pem = decode_base64(encoded, _WHAT)
    text = pem.decode("ascii", errors="replace")
    if _CERTIFICATE in text:
        try:
            return as_der(x509.load_pem_x509_certificate(pem))
        except ValueError as error:
            raise SignatureError(f"{_WHAT} has a certificate that can't be read") from error
    return read_key(text).der


_HASHES: Final = {"SHA2_256": "sha256", "SHA2_384": "sha384", "SHA2_512": "sha512"}
_READERS: Final[dict[tuple[str, str], Callable[[dict[str, Any]], _Found]]] = {
    _REKOR_2: _read_rekor_2,
    _MESSAGE: _read_hashed,
    _DSSE: _read_dsse,
    _INTOTO: _read_intoto,
}
_HASHED: Final[dict[tuple[str, str], Callable[[Signed], bytes]]] = {
    _REKOR_2: attrgetter("message"),
    _MESSAGE: attrgetter("message"),
    _DSSE: attrgetter("payload"),
    _INTOTO: attrgetter("envelope"),
}
