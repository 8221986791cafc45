"""What the library `sigstore` lets through by itself, and we don't.

Each attack is shown to the library alone, which accepts it, and to us. Where an upgrade of the
library closes a gap, the first half fails: then the gap is its own, and the test can go.
"""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from sigstore.models import Bundle
from sigstore.verify.policy import Identity

from revet.verify.candidate import Candidate, judge
from revet.verify.evidence import Flaw, Proof
from revet.verify.root import TrustRoot, read_root
from revet.verify.trust import Question, Trust
from tests.support.sigstore.authority import ISSUER, SUBJECT, Wish
from tests.support.sigstore.rekor import encode
from tests.support.sigstore.world import BUNDLE, Document, How, Sigstore, statement

DIGEST = f"sha256:{'ab' * 32}"
OTHER = f"sha256:{'cd' * 32}"
IDENTITY = Identity(identity=SUBJECT, issuer=ISSUER)

Attack = Callable[[Sigstore], tuple[Document, TrustRoot]]


def _root(sigstore: Sigstore, part: str = "", days: float = -1) -> TrustRoot:
    windows = {part: {"end": sigstore.now + timedelta(days=days)}} if part else {}
    return read_root(json.dumps(sigstore.root(**windows)).encode())


def _another_image(sigstore: Sigstore) -> tuple[Document, TrustRoot]:
    return sigstore.keyless(statement(OTHER)), _root(sigstore)


def _retired_log(sigstore: Sigstore) -> tuple[Document, TrustRoot]:
    return sigstore.keyless(statement(DIGEST)), _root(sigstore, "tlog")


def _retired_authority(sigstore: Sigstore) -> tuple[Document, TrustRoot]:
    return sigstore.keyless(statement(DIGEST)), _root(sigstore, "ca")


def _retired_certificate_log(sigstore: Sigstore) -> tuple[Document, TrustRoot]:
    return sigstore.keyless(statement(DIGEST)), _root(sigstore, "ctlog")


def _time_to_come(sigstore: Sigstore) -> tuple[Document, TrustRoot]:
    later = sigstore.now + timedelta(days=365)
    bundle = sigstore.keyless(statement(DIGEST), Wish(not_before=later), How(when=later))
    return bundle, _root(sigstore)


def _stamp_to_come(sigstore: Sigstore) -> tuple[Document, TrustRoot]:
    later = sigstore.now + timedelta(days=365)
    how = How(is_second=True, stamped_at=later)
    return sigstore.keyless(statement(DIGEST), Wish(not_before=later), how), _root(sigstore)


def _checkpoint_of_another_log(sigstore: Sigstore) -> tuple[Document, TrustRoot]:
    root = sigstore.root()
    root["tlogs"][1]["baseUrl"] = "https://other.example.com"
    how = How(is_second=True, stamped_at=sigstore.now)
    return sigstore.keyless(statement(DIGEST), None, how), read_root(json.dumps(root).encode())


def _twice_a_key(sigstore: Sigstore) -> tuple[Document, TrustRoot]:
    said = json.dumps(statement(DIGEST))
    twice = said.replace('"predicateType"', '"predicateType": "x", "predicateType"').encode()
    return sigstore.keyless(twice), _root(sigstore)


def _junk_in_base64(sigstore: Sigstore) -> tuple[Document, TrustRoot]:
    bundle = sigstore.keyless(statement(DIGEST))
    bundle["dsseEnvelope"]["payload"] = "!" + bundle["dsseEnvelope"]["payload"]
    return bundle, _root(sigstore)


@pytest.mark.parametrize(
    ("attack", "reason"),
    [
        (_another_image, "must be about"),
        (_retired_log, "the log's key counted until"),
        (_retired_authority, "the certificate authority counted until"),
        (_retired_certificate_log, "the certificate log's key counted until"),
        (_time_to_come, "still to come"),
        (_stamp_to_come, "still to come"),
        (_checkpoint_of_another_log, "has a checkpoint of"),
        (_twice_a_key, "is there twice"),
        (_junk_in_base64, "is not base64"),
    ],
)
def test_a_gap_is_closed(sigstore: Sigstore, attack: Attack, reason: str) -> None:
    bundle, root = attack(sigstore)
    raw = json.dumps(bundle).encode()
    root.verifier.verify_dsse(Bundle.from_json(raw), IDENTITY)
    question = Question(DIGEST, Trust(root=root), sigstore.now)
    found = judge(Candidate("here", BUNDLE, raw), question)
    assert isinstance(found, Flaw)
    assert reason in found.reason


def test_an_attestation_is_no_signature(sigstore: Sigstore, root: TrustRoot) -> None:
    raw = json.dumps(sigstore.keyless(statement(DIGEST, "https://cyclonedx.org/bom"))).encode()
    root.verifier.verify_dsse(Bundle.from_json(raw), IDENTITY)
    question = Question(DIGEST, Trust(root=root), sigstore.now)
    found = judge(Candidate("here", BUNDLE, raw), question)
    assert isinstance(found, Proof)
    assert not found.is_signature


def test_the_first_entry_of_a_log_is_read(sigstore: Sigstore) -> None:
    # protojson leaves out what is zero, and the library refuses that.
    fresh = Sigstore(sigstore.now)
    bundle = fresh.keyless(statement(DIGEST))
    entry = bundle["verificationMaterial"]["tlogEntries"][0]
    assert (entry.pop("logIndex"), entry["inclusionProof"].pop("logIndex")) == ("0", "0")
    assert entry["inclusionProof"].pop("hashes") == []
    question = Question(DIGEST, Trust(root=_root(fresh)), fresh.now)
    found = judge(Candidate("here", BUNDLE, json.dumps(bundle).encode()), question)
    assert isinstance(found, Proof), found


def test_a_root_without_what_is_empty_is_read(sigstore: Sigstore) -> None:
    document = sigstore.root()
    del document["timestampAuthorities"]
    document["certificateAuthorities"][0]["subject"] = {}
    root = read_root(json.dumps(document).encode())
    question = Question(DIGEST, Trust(root=root), sigstore.now)
    raw = json.dumps(sigstore.keyless(statement(DIGEST))).encode()
    assert isinstance(judge(Candidate("here", BUNDLE, raw), question), Proof)


def test_a_log_that_pretends_to_be_another_is_held_to_its_key(sigstore: Sigstore) -> None:
    # The library tries all keys that it has for an id that is the hash of none of them.
    document = sigstore.root()
    document["tlogs"][1]["logId"]["keyId"] = encode(b"\1" * 32)
    root = read_root(json.dumps(document).encode())
    assert root.find_log(b"\1" * 32).base_url == f"https://{sigstore.second.host}"
