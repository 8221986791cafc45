"""Transparency logs, of Rekor's first version and of its second."""

import base64
import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import rfc8785
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from tests.support.sigstore.authority import key_id, new_key, spki

SHA256: Final = ec.ECDSA(hashes.SHA256())


def encode(raw: bytes) -> str:
    """Encode bytes as base64."""
    return base64.b64encode(raw).decode()


@dataclass
class Rekor:
    """A log with its key; each entry has proof of inclusion in what the log was by then."""

    host: str = "rekor.example.com"
    key: ec.EllipticCurvePrivateKey = field(default_factory=new_key)
    leaves: list[bytes] = field(default_factory=list)
    tree: str = ""
    """What its checkpoints name beside the host; the first version has a tree's number."""

    def add(self, body: dict[str, Any], when: datetime, *, is_second: bool = False) -> "Entry":
        """Add an entry; the second version tells no time and promises nothing."""
        raw = rfc8785.dumps(body)
        self.leaves.append(hashlib.sha256(b"\0" + raw).digest())
        kind = (body["kind"], body["apiVersion"])
        return Entry(self, raw, kind, len(self.leaves) - 1, None if is_second else when)

    @property
    def id(self) -> bytes:
        """The id by which trust roots and entries name it."""
        return key_id(self.key)

    def prove(self, index: int) -> dict[str, Any]:
        """Prove that the log has the entry."""
        root, path = merkle(self.leaves, index)
        return {
            "logIndex": str(index),
            "rootHash": encode(root),
            "treeSize": str(len(self.leaves)),
            "hashes": [encode(each) for each in path],
            "checkpoint": {"envelope": self.checkpoint(root, len(self.leaves))},
        }

    def checkpoint(self, root: bytes, size: int) -> str:
        """Sign what the log is."""
        note = f"{self.host}{self.tree}\n{size}\n{encode(root)}\n"
        signature = self.id[:4] + self.key.sign(note.encode(), SHA256)
        return f"{note}\n— {self.host} {encode(signature)}\n"

    def promise(self, payload: dict[str, Any]) -> bytes:
        """Sign a promise to include an entry."""
        return self.key.sign(rfc8785.dumps(payload), SHA256)


@dataclass
class Entry:
    """An entry, in the forms that bundles and annotations have it."""

    log: Rekor
    raw: bytes
    kind: tuple[str, str]
    index: int
    when: datetime | None

    @property
    def payload(self) -> dict[str, Any]:
        """What a promise signs."""
        assert self.when is not None
        return {
            "body": encode(self.raw),
            "integratedTime": int(self.when.timestamp()),
            "logID": self.log.id.hex(),
            "logIndex": self.index,
        }

    def for_bundle(self) -> dict[str, Any]:
        """Write it as a bundle has it."""
        entry = {
            "logIndex": str(self.index),
            "logId": {"keyId": encode(self.log.id)},
            "kindVersion": {"kind": self.kind[0], "version": self.kind[1]},
            "inclusionProof": self.log.prove(self.index),
            "canonicalizedBody": encode(self.raw),
        }
        if self.when is not None:
            entry["integratedTime"] = str(int(self.when.timestamp()))
            promise = encode(self.log.promise(self.payload))
            entry["inclusionPromise"] = {"signedEntryTimestamp": promise}
        return entry

    def for_annotation(self) -> dict[str, Any]:
        """Write it as cosign's older layout has it."""
        promise = encode(self.log.promise(self.payload))
        return {"SignedEntryTimestamp": promise, "Payload": self.payload}


def dsse_body(envelope: bytes, payload: bytes, signature: bytes, verifier: bytes) -> dict[str, Any]:
    """Write the entry of an envelope; `verifier` is a certificate or key in PEM form."""
    return {
        "apiVersion": "0.0.1",
        "kind": "dsse",
        "spec": {
            "envelopeHash": _hash(envelope),
            "payloadHash": _hash(payload),
            "signatures": [{"signature": encode(signature), "verifier": encode(verifier)}],
        },
    }


def intoto_body(envelope: bytes, payload: bytes, verifier: bytes) -> dict[str, Any]:
    """Write the entry that cosign 2 made of an attestation."""
    content = {"hash": _hash(envelope), "payloadHash": _hash(payload)}
    spec = {"content": content, "publicKey": encode(verifier)}
    return {"apiVersion": "0.0.1", "kind": "intoto", "spec": spec}


def message_body(message: bytes, signature: bytes, verifier: bytes) -> dict[str, Any]:
    """Write the entry of a signature over bytes."""
    held = {"content": encode(signature), "publicKey": {"content": encode(verifier)}}
    spec = {"data": {"hash": _hash(message)}, "signature": held}
    return {"apiVersion": "0.0.1", "kind": "hashedrekord", "spec": spec}


def second_body(
    message: bytes,
    signature: bytes,
    signer: x509.Certificate | ec.EllipticCurvePrivateKey,
) -> dict[str, Any]:
    """Write the entry of the second version."""
    if isinstance(signer, x509.Certificate):
        held = {"x509Certificate": {"rawBytes": encode(signer.public_bytes(Encoding.DER))}}
    else:
        held = {"publicKey": {"rawBytes": encode(spki(signer))}}
    verifier = {**held, "keyDetails": "PKIX_ECDSA_P256_SHA_256"}
    digest = encode(hashlib.sha256(message).digest())
    inner = {
        "data": {"algorithm": "SHA2_256", "digest": digest},
        "signature": {"content": encode(signature), "verifier": verifier},
    }
    return {"apiVersion": "0.0.2", "kind": "hashedrekord", "spec": {"hashedRekordV002": inner}}


def merkle(leaves: list[bytes], index: int) -> tuple[bytes, list[bytes]]:
    """Return the tree's root and the path to a leaf, RFC 6962 2.1."""
    if len(leaves) == 1:
        return leaves[0], []
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    if index < half:
        own, path = merkle(leaves[:half], index)
        other, _ = merkle(leaves[half:], 0)
        return _node(own, other), [*path, other]
    own, path = merkle(leaves[half:], index - half)
    other, _ = merkle(leaves[:half], 0)
    return _node(other, own), [*path, other]


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


def _hash(raw: bytes) -> dict[str, str]:
    return {"algorithm": "sha256", "value": hashlib.sha256(raw).hexdigest()}
