"""What a signed payload says: an in-toto statement about an image, or cosign's older payload.

https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md
"""

import re
from dataclasses import dataclass
from typing import Any, Final

from revet.verify.error import SignatureError
from revet.verify.strict import FEW_VALUES, read_json, take

#: The predicate of a signature: without it, a statement is an attestation and signs nothing.
SIGNATURE: Final = "https://sigstore.dev/cosign/sign/v1"

_TYPES: Final = ("https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1")
_PAYLOAD_TYPES: Final = ("cosign container image signature", SIGNATURE)
_DIGEST: Final = re.compile(r"sha256:([0-9a-f]{64})")
_WHAT: Final = "the statement"


@dataclass(frozen=True, slots=True)
class Statement:
    """What is said of an image: a predicate of a type."""

    predicate_type: str
    predicate: Any = None
    size: int = 0
    """How many bytes of JSON the predicate is, about."""


def read_statement(payload: bytes, digest: str) -> Statement:
    """Read a statement about one image, the one of this digest and no other."""
    value = read_json(payload, _WHAT)
    form = take(value, "_type", str, _WHAT)
    if form not in _TYPES:
        raise SignatureError(f"{_WHAT} is of type {form!r}, must be one of {', '.join(_TYPES)}")
    subjects = take(value, "subject", list, _WHAT)
    if len(subjects) != 1:
        # A second subject would lend one image's attestation to another.
        raise SignatureError(f"{_WHAT} has {len(subjects)} subjects, must have one")
    algorithms = take(subjects[0], "digest", dict, f"{_WHAT}'s subject")
    _require_digest(algorithms.get("sha256"), digest, _WHAT)
    kind = take(value, "predicateType", str, _WHAT)
    return Statement(kind, value.get("predicate"), len(payload))


def read_simple_signing(payload: bytes, digest: str) -> Statement:
    """Read the payload that cosign signed before it wrote statements."""
    what = "the payload"
    critical = take(read_json(payload, what, FEW_VALUES), "critical", dict, what)
    kind = take(critical, "type", str, what)
    if kind not in _PAYLOAD_TYPES:
        raise SignatureError(f"{what} is of type {kind!r}, must be {_PAYLOAD_TYPES[0]!r}")
    image = take(critical, "image", dict, what)
    named = take(image, "docker-manifest-digest", str, what)
    _require_digest(named.removeprefix("sha256:") if ":" in named else None, digest, what)
    return Statement(SIGNATURE)


def _require_digest(found: object, digest: str, what: str) -> None:
    wanted = _DIGEST.fullmatch(digest)
    if wanted is None:
        raise SignatureError(f"the image's digest {digest!r} is no lower-case sha256")
    if found != wanted[1]:
        named = f"sha256:{found}" if isinstance(found, str) else "no sha256"
        raise SignatureError(f"{what} is about {named}, must be about {digest}")
