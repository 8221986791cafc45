"""The DSSE envelope: a payload with one signature over the payload and its type.

https://github.com/secure-systems-lab/dsse/blob/v1.0.0/envelope.md
"""

from dataclasses import dataclass
from typing import Final

from revet.verify.error import SignatureError
from revet.verify.strict import decode_base64, take

IN_TOTO: Final = "application/vnd.in-toto+json"
_WHAT: Final = "the DSSE envelope"


@dataclass(frozen=True, slots=True)
class Envelope:
    """A payload, an in-toto statement, and who says to have signed it."""

    payload: bytes
    signature: bytes

    @property
    def signed(self) -> bytes:
        """The bytes that are signed: the pre-authentication encoding, PAE."""
        return b"DSSEv1 %d %s %d %s" % (
            len(IN_TOTO),
            IN_TOTO.encode(),
            len(self.payload),
            self.payload,
        )


def read_envelope(value: object) -> Envelope:
    """Read an envelope; one with several signatures says nothing about who counts."""
    kind = take(value, "payloadType", str, _WHAT)
    if kind != IN_TOTO:
        raise SignatureError(f"{_WHAT} holds {kind!r}, must hold {IN_TOTO}")
    signatures = take(value, "signatures", list, _WHAT)
    if len(signatures) != 1:
        raise SignatureError(f"{_WHAT} has {len(signatures)} signatures, must have one")
    payload = decode_base64(take(value, "payload", str, _WHAT), "the payload")
    signature = decode_base64(take(signatures[0], "sig", str, _WHAT), "the signature")
    if not signature:
        raise SignatureError(f"{_WHAT} has an empty signature")
    return Envelope(payload, signature)
