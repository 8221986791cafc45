"""What a verification starts from: the keys that count, the trust root, and the time."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from revet.verify.error import SignatureError
from revet.verify.keys import PublicKey
from revet.verify.root import TrustRoot


@dataclass(frozen=True)
class Trust:
    """Keys and a root; `id` tells it from others, for whoever keeps what was verified by it."""

    keys: tuple[PublicKey, ...] = ()
    root: TrustRoot | None = None

    @cached_property
    def id(self) -> str:
        """A digest over all of it."""
        parts = sorted(each.fingerprint for each in self.keys)
        parts.append(self.root.digest if self.root is not None else "")
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def require_root(self) -> TrustRoot:
        """Return the root, which some signatures can't do without."""
        if self.root is None:
            raise SignatureError("there is no trust root to verify it by")
        return self.root

    def find_signer(self, signature: bytes, message: bytes) -> PublicKey:
        """Find whose signature it is; hints are not asked, they are anybody's."""
        for key in self.keys:
            try:
                key.verify(signature, message)
            except SignatureError:
                continue
            return key
        if not self.keys:
            raise SignatureError("it is signed with a key, and the policy names none")
        raise SignatureError("the signature is by none of the policy's keys, or of something else")


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of one candidate: a proof about this digest, as of now."""

    digest: str
    trust: Trust
    now: datetime
