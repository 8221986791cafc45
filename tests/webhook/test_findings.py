"""What was found is kept by what it takes of memory, and not by what it was read from."""

from revet.verify.evidence import Evidence, Flaw, KeySigner, Proof
from revet.verify.statement import SIGNATURE, Statement
from revet.verify.verdict import Findings
from revet.webhook.findings import Kept
from tests.webhook.harness import Clock

MIB = 1024 * 1024


def findings(size: int = 300) -> Findings:
    """Find one proof, whose predicate is so big."""
    statement = Statement(SIGNATURE, {}, size)
    return Findings(Evidence("sha256:0", (Proof("here", KeySigner("0"), statement),)))


def count(kept: Kept, keys: int) -> int:
    """Count the keys that are known."""
    return sum(kept.find(each) is not None for each in range(keys))


def test_ten_thousand_signatures_are_kept() -> None:
    kept = Kept(Clock())
    for each in range(10_001):
        kept.put(each, findings())
    assert count(kept, 10_001) == 10_000
    assert kept.find(0) is None


def test_large_predicates_push_out_what_was_used_the_longest_ago() -> None:
    kept = Kept(Clock())
    for each in range(20):
        kept.put(each, findings(MIB))
    assert count(kept, 20) == 7
    assert kept.find(19) is not None
    # One is kept whatever it takes.
    kept.put(20, findings(100 * MIB))
    assert count(kept, 21) == 1
    # What is replaced no longer counts.
    for _ in range(20):
        kept.put(20, findings(MIB))
    for each in range(6):
        kept.put(each, findings(MIB))
    assert count(kept, 21) == 7


def test_what_was_not_handed_over_is_not_kept() -> None:
    kept = Kept(Clock())
    kept.put(0, Findings(Evidence("sha256:0", unread=(Flaw("there", "answered 503"),))))
    assert kept.find(0) is None
