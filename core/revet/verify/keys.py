"""Public keys that a policy may name, and what a signature by one of them is.

The hash belongs to the key, and never to what the signature says of itself.
"""

import hashlib
from dataclasses import dataclass, field
from typing import Final

import nacl.bindings
import nacl.exceptions
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from revet.verify.error import SignatureError

_KINDS: Final = "ECDSA P-256, P-384 or P-521, RSA of 2048 bits or more, or Ed25519"
_LEAST_RSA_BITS: Final = 2048
_MOST_RSA_BITS: Final = 8192
_BEGIN: Final = "-----BEGIN "
_BEGIN_PUBLIC: Final = "-----BEGIN PUBLIC KEY-----"
# cosign 3 signs with the curve's own hash, cosign 2 always with SHA-256.
_HASHES: Final[dict[str, tuple[hashes.HashAlgorithm, ...]]] = {
    "secp256r1": (hashes.SHA256(),),
    "secp384r1": (hashes.SHA384(), hashes.SHA256()),
    "secp521r1": (hashes.SHA512(), hashes.SHA256()),
}

Public = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key and its fingerprint: the SHA-256 of its DER form, as `openssl` prints it."""

    fingerprint: str
    der: bytes = field(repr=False, compare=False)
    key: Public = field(repr=False, compare=False)

    def verify(self, signature: bytes, message: bytes) -> None:
        """Verify a signature.

        Raises:
            SignatureError: it is not by this key, or is of something else.

        """
        if not is_signed(self.key, signature, message):
            raise SignatureError("the signature is not by this key, or of something else")


def read_key(pem: str) -> PublicKey:
    """Read the one public key of a PEM text.

    Raises:
        SignatureError: it is no key, or none that may be used.

    """
    if pem.count(_BEGIN) != 1 or _BEGIN_PUBLIC not in pem:
        raise SignatureError("must hold one PEM block, BEGIN PUBLIC KEY, and nothing else")
    try:
        key = serialization.load_pem_public_key(pem.strip().encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise SignatureError(f"is not a public key in PEM form: {error}") from error
    return _admit(key)


def is_signed(key: object, signature: bytes, message: bytes) -> bool:
    """Return whether the signature is the key's, by one of the hashes that belong to it."""
    match key:
        case ec.EllipticCurvePublicKey():
            allowed = _HASHES.get(key.curve.name, ())
            return any(_is_ecdsa(key, signature, message, each) for each in allowed)
        case rsa.RSAPublicKey():
            return _is_rsa(key, signature, message)
        case ed25519.Ed25519PublicKey():
            return _is_ed25519ph(key, signature, message)
    return False


def _admit(key: object) -> PublicKey:
    match key:
        case ec.EllipticCurvePublicKey() if key.curve.name in _HASHES:
            pass
        case rsa.RSAPublicKey() if _LEAST_RSA_BITS <= key.key_size <= _MOST_RSA_BITS:
            pass
        case ed25519.Ed25519PublicKey():
            pass
        case _:
            raise SignatureError(f"is a {_describe(key)}, must be {_KINDS}")
    der = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return PublicKey(hashlib.sha256(der).hexdigest(), der, key)


def _describe(key: object) -> str:
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"key on curve {key.curve.name}"
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA key of {key.key_size} bits"
    return "key of another kind"


def _is_ecdsa(
    key: ec.EllipticCurvePublicKey, signature: bytes, message: bytes, hashed: hashes.HashAlgorithm
) -> bool:
    try:
        key.verify(signature, message, ec.ECDSA(hashed))
    except InvalidSignature:
        return False
    return True


def _is_rsa(key: rsa.RSAPublicKey, signature: bytes, message: bytes) -> bool:
    try:
        key.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True


def _is_ed25519ph(key: ed25519.Ed25519PublicKey, signature: bytes, message: bytes) -> bool:
    """Verify the prehashed form, which cosign writes and `cryptography` does not have."""
    if len(signature) != nacl.bindings.crypto_sign_BYTES:
        return False
    raw = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    state = nacl.bindings.crypto_sign_ed25519ph_state()
    nacl.bindings.crypto_sign_ed25519ph_update(state, message)
    try:
        return nacl.bindings.crypto_sign_ed25519ph_final_verify(state, signature, raw)
    except nacl.exceptions.BadSignatureError:
        return False
