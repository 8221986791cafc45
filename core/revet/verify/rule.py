"""An item of `spec.images.verify` made ready: signers with their keys, the trust root, what for.

Keys and roots that stand in Secrets and ConfigMaps are handed in: nothing is read here.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from revet.core.coverage import is_about
from revet.core.model.policy_images import (
    Attestation,
    AttestationSubject,
    TransparencyLog,
    Verification,
)
from revet.core.model.policy_signers import Authority, Key, Keyless
from revet.verify.error import SignatureError
from revet.verify.evidence import Identity, KeySigner, Proof
from revet.verify.keys import PublicKey, read_key
from revet.verify.match import Matcher, compile_match
from revet.verify.public_good import read_bundled_root
from revet.verify.root import TrustRoot, read_root
from revet.verify.trust import Trust


class Place(NamedTuple):
    """An entry of an object in Revet's own namespace."""

    kind: str
    name: str
    key: str

    def __str__(self) -> str:
        """Name it as messages do."""
        return f"{self.kind} {self.name}, key {self.key}"


#: Reads what stands at a place; raises SignatureError where that is not to be had.
Read = Callable[[Place], bytes]


@dataclass(frozen=True)
class Signer:
    """One of those whom a rule believes."""

    name: str
    key: PublicKey | None = None
    issuer: Matcher | None = None
    subject: Matcher | None = None

    def is_of(self, proof: Proof) -> bool:
        """Return whether the proof is this signer's."""
        match proof.signer:
            case KeySigner(fingerprint):
                return self.key is not None and self.key.fingerprint == fingerprint
            case Identity(issuer, subject):
                return (
                    self.issuer is not None
                    and self.subject is not None
                    and self.issuer(issuer)
                    and self.subject(subject)
                )


@dataclass(frozen=True)
class Want:
    """One attestation that a rule asks for."""

    attestation: Attestation
    vex_signers: tuple[Signer, ...] = ()


@dataclass(frozen=True)
class Rule:
    """What some images need."""

    verification: Verification
    signers: tuple[Signer, ...]
    trust: Trust
    wants: tuple[Want, ...] = ()
    is_log_required: bool = True
    is_every_platform: bool = False

    @property
    def name(self) -> str:
        """The name that messages use."""
        return self.verification.name

    @property
    def custom_types(self) -> frozenset[str]:
        """The predicate types of which any field may be asked for."""
        named = (each.attestation.predicate_type for each in self.wants)
        return frozenset(each for each in named if each)

    def is_about(self, reference: str) -> bool:
        """Return whether an image is one of the rule's, however it is named."""
        return is_about(self.verification, reference)


def compile_rule(
    verification: Verification, read: Read, read_public: Callable[[], bytes] = read_bundled_root
) -> Rule:
    """Make an item ready; `read_public` gives the root for who names none.

    Raises:
        SignatureError: a key, a root or a pattern can't be used; the text says where it stands.

    """
    signers = tuple(_compile_signers("anyOf", verification.any_of, read))
    wants = tuple(
        Want(
            each,
            tuple(
                _compile_signers(f"attestations[{index}].vexSigners", each.vex_signers or (), read)
            ),
        )
        for index, each in enumerate(verification.attestations)
    )
    everybody = [*signers, *(signer for want in wants for signer in want.vex_signers)]
    keys = {each.key.fingerprint: each.key for each in everybody if each.key is not None}
    return Rule(
        verification,
        signers,
        Trust(tuple(keys.values()), _find_root(verification, read, read_public)),
        wants,
        verification.transparency_log is TransparencyLog.REQUIRED,
        verification.attestation_subject is AttestationSubject.EVERY_PLATFORM,
    )


def _find_root(
    verification: Verification, read: Read, read_public: Callable[[], bytes]
) -> TrustRoot:
    if verification.trust_root is None:
        return read_root(read_public())
    reference = verification.trust_root.config_map_ref
    place = Place("ConfigMap", reference.name, reference.key)
    try:
        return read_root(read(place))
    except SignatureError as error:
        raise SignatureError(f"trustRoot: {place}: {error}") from error


def _compile_signers(
    field: str, authorities: tuple[Authority, ...], read: Read
) -> Iterator[Signer]:
    for index, authority in enumerate(authorities):
        try:
            yield _compile_signer(authority, read)
        except SignatureError as error:
            raise SignatureError(f"{field}[{index}]: {error}") from error


def _compile_signer(authority: Authority, read: Read) -> Signer:
    match authority:
        case Authority(key=Key() as key):
            return _compile_key(key, read)
        case Authority(keyless=Keyless() as keyless):
            return Signer(
                f"keyless {_describe(keyless)}",
                issuer=compile_match(keyless.issuer),
                subject=compile_match(keyless.subject),
            )
    raise SignatureError("must have exactly one of key, keyless")


def _compile_key(key: Key, read: Read) -> Signer:
    if key.pem is not None:
        public = _read_key(key.pem, "key.pem")
        return Signer(f"key sha256:{public.fingerprint[:16]}…", public)
    reference = key.secret_ref or key.config_map_ref
    if reference is None:
        raise SignatureError("key: must have exactly one of secretRef, configMapRef, pem")
    kind = "Secret" if key.secret_ref is not None else "ConfigMap"
    place = Place(kind, reference.name, reference.key)
    text = read(place).decode("utf-8", errors="replace")
    return Signer(f"key {reference.name}", _read_key(text, str(place)))


def _read_key(pem: str, place: str) -> PublicKey:
    try:
        return read_key(pem)
    except SignatureError as error:
        raise SignatureError(f"{place}: {error}") from error


def _describe(keyless: Keyless) -> str:
    subject, issuer = (
        each.exact or each.glob or each.regexp for each in (keyless.subject, keyless.issuer)
    )
    return f"{subject} (by {issuer})"
