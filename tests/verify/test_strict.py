"""What strangers write is read in one way, or not at all; and never for long."""

import json
import time
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from revet.verify.candidate import MEDIA_TYPES, Candidate, judge
from revet.verify.error import SignatureError
from revet.verify.evidence import Flaw
from revet.verify.root import TrustRoot
from revet.verify.strict import decode_base64, read_json
from revet.verify.trust import Question, Trust
from tests.support.sigstore.world import BUNDLE, Sigstore, statement

DIGEST = f"sha256:{'ab' * 32}"


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b'{"a": 1, "a": 2}', "'a' is there twice"),
        (b'{"a": {"b": 1, "b": 2}}', "'b' is there twice"),
        (b'{"a": NaN}', "NaN is no JSON"),
        (b'{"a": -Infinity}', "-Infinity is no JSON"),
        (b'{"a": "\xff"}', "can't decode byte 0xff"),
        (b"[" * 65 + b"]" * 65, "nested deeper than 64"),
        (b"[]", "is no JSON object"),
        (b"\xef\xbb\xbf{}", "is not JSON"),
        (b'{"a": ' + b"9" * 5000 + b"}", "is not JSON"),
        (b" " * (16 * 1024 * 1024 + 1), "bytes, may have"),
    ],
)
def test_json_that_is_refused(raw: bytes, reason: str) -> None:
    with pytest.raises(SignatureError, match=reason):
        read_json(raw, "it")


def test_brackets_in_texts_are_no_nesting() -> None:
    raw = json.dumps({"a": "[" * 100 + '"\\' + "{" * 100}).encode()
    assert read_json(raw, "it") == json.loads(raw)


def test_a_text_without_end_takes_no_longer_than_its_length() -> None:
    def measure(length: int) -> float:
        started = time.process_time()
        with pytest.raises(SignatureError):
            read_json(b'{"' + b'\\"' * length, "it")
        return time.process_time() - started

    # Looked for from each quote again, it would be a hundred times the square.
    assert measure(1_000_000) < max(0.02, measure(10_000)) * 1000


@pytest.mark.parametrize("text", ["YQ", "YR==", " YQ==", "YQ==\n", "Y_8=", "ä", None, 1])
def test_base64_that_is_refused(text: object) -> None:
    with pytest.raises(SignatureError):
        decode_base64(text, "it")


@given(st.binary(max_size=200), st.sampled_from(MEDIA_TYPES))
def test_no_bytes_do_harm(raw: bytes, kind: str) -> None:
    question = Question(DIGEST, Trust(), datetime.now(UTC))
    assert isinstance(judge(Candidate("here", kind, raw), question), Flaw)


@pytest.fixture(scope="module")
def bundle(sigstore: Sigstore) -> bytes:
    """Give a bundle that is well."""
    return json.dumps(sigstore.keyless(statement(DIGEST))).encode()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_a_byte_that_is_changed_forges_nothing(
    sigstore: Sigstore, root: TrustRoot, bundle: bytes, data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(bundle) - 1))
    changed = bytearray(bundle)
    changed[place] = data.draw(st.integers(0, 255))
    question = Question(DIGEST, Trust(root=root), sigstore.now)
    found = judge(Candidate("here", BUNDLE, bytes(changed)), question)
    # What is not looked at may change: the library's hints. Who signed what when may not.
    honest = judge(Candidate("here", BUNDLE, bundle), question)
    assert isinstance(found, Flaw) or found == honest
