"""The trust root that cosign makes of a private Sigstore's keys, as the docs have it made."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from e2e.cosign.build import find_cosign
from e2e.cosign.program import Cosign
from revet.verify.candidate import Candidate, judge
from revet.verify.evidence import Flaw, Proof
from revet.verify.root import read_root
from revet.verify.trust import Question, Trust
from tests.support.sigstore.authority import SUBJECT
from tests.support.sigstore.world import BUNDLE, Document, How, Sigstore, public_pem, statement

DIGEST: Final = f"sha256:{'1' * 64}"
_START: Final = "start-time=2016-12-01T00:00:00Z"


def _write(sigstore: Sigstore, home: Path) -> dict[str, str]:
    """Write what the operators of a Sigstore hand out; return the flags that name it."""
    for name, chain in (
        ("fulcio.pem", sigstore.authority.chain),
        ("tsa.pem", sigstore.stamps.chain),
    ):
        (home / name).write_bytes(b"".join(each.public_bytes(Encoding.PEM) for each in chain))
    (home / "ct.pub").write_text(public_pem(sigstore.authority.ct_key))
    (home / "rekor.pub").write_text(public_pem(sigstore.rekor.key))
    return {
        "fulcio": "url=https://fulcio.example.com,certificate-chain=fulcio.pem",
        "ctfe": f"url=https://ct.example.com,public-key=ct.pub,{_START}",
        "rekor": f"url=https://rekor.example.com,public-key=rekor.pub,{_START}",
        "tsa": "url=https://tsa.example.com,certificate-chain=tsa.pem",
    }


def test_a_root_by_cosign_is_one_to_verify_by(tmp_path: Path) -> None:
    path = find_cosign()
    if path is None:
        pytest.skip("cosign is not built: make cosign, some 10 minutes of CPU time")
    now = datetime.now(UTC).replace(microsecond=0)
    sigstore, stranger = Sigstore(now), Sigstore(now)
    raw = Cosign(path, tmp_path, tmp_path).make_root(**_write(sigstore, tmp_path))
    question = Question(DIGEST, Trust((), read_root(raw)), now)

    def verify(document: Document) -> Proof | Flaw:
        return judge(Candidate("it", BUNDLE, json.dumps(document).encode()), question)

    for how in (How(), How(stamped_at=now)):
        proof = verify(sigstore.keyless(statement(DIGEST), how=how))
        assert isinstance(proof, Proof), proof
        assert SUBJECT in str(proof.signer)
        assert proof.signed_at == now
    assert isinstance(verify(stranger.keyless(statement(DIGEST))), Flaw)
