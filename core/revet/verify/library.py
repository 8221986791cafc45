"""All that is used of the private names of `sigstore`; tests/verify/test_library.py pins them."""

from cryptography import x509
from sigstore._internal.sct import verify_sct
from sigstore._internal.trust import CTKeyring, Keyring, KeyringPurpose, RekorKeyring
from sigstore._utils import KeyID
from sigstore.models import TransparencyLogEntry, TrustedRoot
from sigstore_models.rekor.v1 import TransparencyLogEntry as EntryModel
from sigstore_models.trustroot.v1 import (
    CertificateAuthority,
    TransparencyLogInstance,
)
from sigstore_models.trustroot.v1 import TrustedRoot as RootModel

__all__ = [
    "CTKeyring",
    "CertificateAuthority",
    "EntryModel",
    "RekorKeyring",
    "RootModel",
    "TransparencyLogInstance",
    "certificate_logs_of",
    "keyring_of",
    "model_of",
    "model_of_entry",
    "verify_inclusion",
    "verify_promise",
    "verify_stamp",
]


def model_of(root: TrustedRoot) -> RootModel:
    """Return the parts of a root, with the times in which they count."""
    return root._inner


def model_of_entry(entry: TransparencyLogEntry) -> EntryModel:
    """Return the fields of a log entry."""
    return entry._inner


def keyring_of(log: TransparencyLogInstance) -> RekorKeyring:
    """Return the one key of a log: the library tries all it has where it does not know an id."""
    return RekorKeyring(Keyring([log.public_key]))


def certificate_logs_of(root: TrustedRoot) -> CTKeyring:
    """Return the keys of all certificate logs."""
    return root.ct_keyring(KeyringPurpose.VERIFY)


def verify_inclusion(entry: TransparencyLogEntry, keyring: RekorKeyring) -> None:
    """Verify the proof of inclusion, the checkpoint and, where there is one, the promise."""
    entry._verify(keyring)


def verify_promise(keyring: RekorKeyring, key_id: bytes, promise: bytes, signed: bytes) -> None:
    """Verify a promise by itself, as cosign's older layout has it."""
    keyring.verify(key_id=KeyID(key_id), signature=promise, data=signed)


def verify_stamp(
    certificate: x509.Certificate, issuers: list[x509.Certificate], logs: CTKeyring
) -> None:
    """Verify the stamp of a certificate log that stands in the certificate."""
    verify_sct(certificate, issuers, logs)
