"""The ledger: what is news to whom, and what is left when objects go."""

from revet.core.audit import Found, Record
from revet.core.ledger import Ledger

BAD = Found("run-as-non-root", "runAsNonRoot is not set", would_deny=True, is_unknown=False)
WORSE = Found("host-namespaces", "hostPID is true", would_deny=True, is_unknown=False)
POD = ("Pod", "web")


def _record(policy: str, *found: Found, key: str = "shop/Pod/web") -> Record:
    return Record(policy, key, "v1", "Pod/web", holds_pod=True, found=found)


def test_news_is_what_differs_for_whom_it_does() -> None:
    ledger = Ledger()
    assert ledger.put("shop", POD, [_record("a", BAD), _record("b")]) == {"a", "b"}
    assert ledger.put("shop", POD, [_record("a", BAD), _record("b")]) == set()
    assert ledger.put("shop", POD, [_record("a", BAD, WORSE), _record("b")]) == {"a"}
    assert ledger.put("shop", POD, [_record("a", BAD, WORSE)]) == {"b"}
    assert ledger.drop("shop", POD) == {"a"}
    assert ledger.drop("shop", POD) == set()
    assert ledger.put("shop", POD, []) == set()


def test_counts_are_over_all_namespaces() -> None:
    ledger = Ledger()
    ledger.put("shop", POD, [_record("a", BAD)])
    ledger.put("shop", ("Pod", "other"), [_record("a", BAD)])
    ledger.put("bank", POD, [_record("a", key="bank/Pod/web"), _record("b", WORSE)])
    *_, tally = ledger.tally("a")
    counts = tally.counts(2)
    # Two pods of one workload count as one, but each of them has a finding.
    assert (counts.workloads, counts.non_compliant, tally.findings) == (2, 1, {BAD.control: 2})
    ledger.drop("bank", POD)
    *_, tally = ledger.tally("a")
    assert tally.counts(2).workloads == 1
    assert ledger.places("bank") == []
    assert len(ledger.places("shop")) == 2


def test_what_is_the_same_is_kept_once() -> None:
    ledger = Ledger()
    for number in range(3):
        found = Found(BAD.control, "".join(list(BAD.message)), would_deny=True, is_unknown=False)
        ledger.put("shop", ("Pod", f"p{number}"), [_record("a", found)])
    assert len({id(each.found) for each in ledger.records("a", "shop")}) == 1
