"""One Sigstore with all its parts, and the signatures that people make with it."""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from tests.support.sigstore.authority import Authority, Wish, key_id, new_key, spki
from tests.support.sigstore.rekor import (
    Entry,
    Rekor,
    dsse_body,
    encode,
    intoto_body,
    message_body,
    second_body,
)
from tests.support.sigstore.stamps import StampAuthority

SIGN: Final = "https://sigstore.dev/cosign/sign/v1"
BUNDLE: Final = "application/vnd.dev.sigstore.bundle.v0.3+json"
IN_TOTO: Final = "application/vnd.in-toto+json"
V1: Final = "https://in-toto.io/Statement/v1"

Document = dict[str, Any]
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def statement(
    digest: str, predicate_type: str = SIGN, predicate: object = None, **changes: object
) -> Document:
    """Write a statement about an image."""
    return {
        "_type": V1,
        "subject": [{"digest": {"sha256": digest.removeprefix("sha256:")}}],
        "predicateType": predicate_type,
        "predicate": {} if predicate is None else predicate,
        **changes,
    }


def simple_signing(digest: str, **critical: object) -> bytes:
    """Write the payload that cosign signed before it wrote statements."""
    content = {
        "identity": {"docker-reference": "registry.example.com/web"},
        "image": {"docker-manifest-digest": digest},
        "type": "cosign container image signature",
        **critical,
    }
    return json.dumps({"critical": content, "optional": None}, separators=(",", ":")).encode()


def pae(payload: bytes, kind: str = IN_TOTO) -> bytes:
    """Return the bytes that an envelope signs."""
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(payload), payload)


def public_pem(key: PrivateKey) -> str:
    """Return the public half as policies have it."""
    public = key.public_key()
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return public.public_bytes(Encoding.PEM, form).decode()


@dataclass(frozen=True)
class How:
    """How something is signed, where it is not the usual way: logged, at this moment."""

    when: datetime | None = None
    logged_at: datetime | None = None
    """When the log says it came there, if at another time than it was signed."""
    is_logged: bool = True
    is_second: bool = False
    """By the log's second version, which tells no time."""
    stamped_at: datetime | None = None
    algorithm: hashes.HashAlgorithm = field(default_factory=hashes.SHA256)
    kind: str = IN_TOTO


USUAL: Final = How()


@dataclass
class Sigstore:
    """An instance, public or private; `now` is when people sign."""

    now: datetime
    authority: Authority = field(init=False)
    stamps: StampAuthority = field(init=False)
    rekor: Rekor = field(default_factory=lambda: Rekor(tree=" - 1"))
    second: Rekor = field(default_factory=lambda: Rekor("log2025.example.com"))

    def __post_init__(self) -> None:
        self.authority = Authority(self.now)
        self.stamps = StampAuthority(self.now)

    def keyless(
        self, said: Document | bytes, wish: Wish | None = None, how: How = USUAL
    ) -> Document:
        """Sign a statement keylessly: what `cosign sign` writes."""
        when = how.when or self.now
        wished = wish or Wish(not_before=when)
        key, certificate = self.authority.leaf(wished)
        payload = said if isinstance(said, bytes) else json.dumps(said).encode()
        envelope, signature = seal(payload, key, how)
        pem = certificate.public_bytes(Encoding.PEM)
        entry = self._log(envelope, (payload, signature, pem), certificate, how)
        held = {"certificate": {"rawBytes": encode(certificate.public_bytes(Encoding.DER))}}
        return self._bundle(held, envelope, entry, how)

    def keyed(self, said: Document | bytes, key: PrivateKey, how: How = USUAL) -> Document:
        """Sign a statement with a key."""
        payload = said if isinstance(said, bytes) else json.dumps(said).encode()
        envelope, signature = seal(payload, key, how)
        pem = public_pem(key).encode()
        second = key if isinstance(key, ec.EllipticCurvePrivateKey) else new_key()
        entry = self._log(envelope, (payload, signature, pem), second, how)
        raw = key.public_key().public_bytes(
            Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        hint = {"publicKey": {"hint": encode(hashlib.sha256(raw).digest())}}
        return self._bundle(hint, envelope, entry, how)

    def layer(
        self,
        payload: bytes,
        key: PrivateKey | None = None,
        wish: Wish | None = None,
        how: How = USUAL,
    ) -> dict[str, str]:
        """Sign bytes in cosign's older layout: the annotations of their layer."""
        signer, certificate = (key, None) if key else self.authority.leaf(wish or self._wish(how))
        assert signer is not None
        signature = sign(signer, payload, how)
        pem = certificate.public_bytes(Encoding.PEM) if certificate else public_pem(signer).encode()
        annotations = {"dev.cosignproject.cosign/signature": encode(signature)}
        if certificate is not None:
            annotations["dev.sigstore.cosign/certificate"] = pem.decode()
            annotations["dev.sigstore.cosign/chain"] = "".join(
                each.public_bytes(Encoding.PEM).decode() for each in self.authority.chain
            )
        if how.is_logged:
            body = message_body(payload, signature, pem)
            entry = self.rekor.add(body, how.logged_at or how.when or self.now)
            annotations["dev.sigstore.cosign/bundle"] = json.dumps(entry.for_annotation())
        return annotations

    def attestation_layer(
        self, said: Document, key: PrivateKey | None = None, *, is_intoto: bool = False
    ) -> tuple[bytes, dict[str, str]]:
        """Attest in cosign's older layout: the layer and its annotations."""
        signer, certificate = (key, None) if key else self.authority.leaf(self._wish(USUAL))
        assert signer is not None
        payload = json.dumps(said).encode()
        envelope, signature = seal(payload, signer, USUAL)
        raw = json.dumps(envelope, separators=(",", ":")).encode()
        pem = certificate.public_bytes(Encoding.PEM) if certificate else public_pem(signer).encode()
        body = (
            intoto_body(raw, payload, pem) if is_intoto else dsse_body(raw, payload, signature, pem)
        )
        entry = self.rekor.add(body, self.now)
        annotations = {
            "dev.cosignproject.cosign/signature": "",
            "dev.sigstore.cosign/bundle": json.dumps(entry.for_annotation()),
        }
        if certificate is not None:
            annotations["dev.sigstore.cosign/certificate"] = pem.decode()
        return raw, annotations

    def root(self, **windows: Mapping[str, datetime]) -> Document:
        """Write the trusted_root.json; `windows` says from when until when a part counts."""
        return {
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [
                self._key(self.rekor.key, windows.get("tlog"), f"https://{self.rekor.host}"),
                self._key(self.second.key, windows.get("second"), f"https://{self.second.host}"),
            ],
            "ctlogs": [
                self._key(self.authority.ct_key, windows.get("ctlog"), "https://ct.example")
            ],
            "certificateAuthorities": [self._chain(self.authority.chain, windows.get("ca"))],
            "timestampAuthorities": [self._chain(self.stamps.chain, windows.get("tsa"))],
        }

    def _wish(self, how: How) -> Wish:
        return Wish(not_before=how.when or self.now)

    def _log(
        self,
        envelope: Document,
        signed: tuple[bytes, bytes, bytes],
        signer: x509.Certificate | ec.EllipticCurvePrivateKey,
        how: How,
    ) -> Entry | None:
        if not how.is_logged:
            return None
        payload, signature, pem = signed
        when = how.logged_at or how.when or self.now
        if how.is_second:
            body = second_body(pae(payload), signature, signer)
            return self.second.add(body, when, is_second=True)
        raw = json.dumps(envelope, separators=(",", ":")).encode()
        return self.rekor.add(dsse_body(raw, payload, signature, pem), when)

    def _bundle(
        self, held: Document, envelope: Document, entry: Entry | None, how: How
    ) -> Document:
        material = {**held, "timestampVerificationData": {}}
        if entry is not None:
            material["tlogEntries"] = [entry.for_bundle()]
        if how.stamped_at is not None:
            signature = base64.b64decode(envelope["signatures"][0]["sig"])
            stamp = encode(self.stamps.stamp(signature, how.stamped_at))
            material["timestampVerificationData"] = {
                "rfc3161Timestamps": [{"signedTimestamp": stamp}]
            }
        return {"mediaType": BUNDLE, "verificationMaterial": material, "dsseEnvelope": envelope}

    def _window(self, given: Mapping[str, datetime] | None) -> dict[str, str]:
        window = {"start": self.now - timedelta(days=3650), **(given or {})}
        return {name: each.strftime("%Y-%m-%dT%H:%M:%SZ") for name, each in window.items()}

    def _key(
        self, key: ec.EllipticCurvePrivateKey, window: Mapping[str, datetime] | None, url: str
    ) -> Document:
        public = {
            "rawBytes": encode(spki(key)),
            "keyDetails": "PKIX_ECDSA_P256_SHA_256",
            "validFor": self._window(window),
        }
        return {
            "baseUrl": url,
            "hashAlgorithm": "SHA2_256",
            "publicKey": public,
            "logId": {"keyId": encode(key_id(key))},
        }

    def _chain(
        self, chain: tuple[x509.Certificate, ...], window: Mapping[str, datetime] | None
    ) -> Document:
        raw = [{"rawBytes": encode(each.public_bytes(Encoding.DER))} for each in chain]
        return {
            "subject": {"organization": "test", "commonName": "test"},
            "uri": "https://ca.example.com",
            "certChain": {"certificates": raw},
            "validFor": self._window(window),
        }


def seal(payload: bytes, key: PrivateKey, how: How) -> tuple[Document, bytes]:
    """Put a payload into an envelope, and return that with its signature."""
    signature = sign(key, pae(payload, how.kind), how)
    held = {"payload": encode(payload), "payloadType": how.kind}
    return {**held, "signatures": [{"sig": encode(signature)}]}, signature


def sign(key: PrivateKey, message: bytes, how: How) -> bytes:
    """Sign bytes as cosign does."""
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(message, padding.PKCS1v15(), how.algorithm)
    return key.sign(message, ec.ECDSA(how.algorithm))
