"""What was found out about an image: proofs that hold whatever a policy wants, and what failed."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from revet.verify.statement import SIGNATURE, Statement


@dataclass(frozen=True, slots=True)
class KeySigner:
    """Whoever has the private half of a key."""

    fingerprint: str

    def __str__(self) -> str:
        """Name the key as messages do."""
        return f"key sha256:{self.fingerprint[:16]}…"


@dataclass(frozen=True, slots=True)
class Identity:
    """Whoever an OIDC issuer vouched for."""

    issuer: str
    subject: str

    def __str__(self) -> str:
        """Name the identity as messages do."""
        return f"{self.subject} (by {self.issuer})"


Signer = KeySigner | Identity


@dataclass(frozen=True, slots=True)
class Proof:
    """One statement about the image that was signed, and is what it says to be."""

    place: str
    """Where it was found, such as `referrer sha256:…`."""
    signer: Signer
    statement: Statement
    signed_at: datetime | None = None
    """When, by a log or a timestamp authority; None where nobody trusted says."""
    logged: bool = False
    """Whether a transparency log has it."""
    log_problem: str = ""
    """What is wrong with its log entry, if it has one that is not counted."""

    @property
    def is_signature(self) -> bool:
        """Whether it is a signature, and not an attestation."""
        return self.statement.predicate_type == SIGNATURE

    @property
    def predicate(self) -> Any:  # noqa: ANN401 -- whatever a stranger signed
        """What it says."""
        return self.statement.predicate


@dataclass(frozen=True, slots=True)
class Flaw:
    """Something found beside the image that proves nothing, and why."""

    place: str
    reason: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that was found about one digest."""

    digest: str
    proofs: tuple[Proof, ...] = ()
    flaws: tuple[Flaw, ...] = ()
    unread: tuple[Flaw, ...] = ()
    """What a registry did not hand over: where it is, and what was answered."""
