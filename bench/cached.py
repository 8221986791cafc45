"""Measures what it takes to remember the findings of 10,000 images, in a process of its own."""

import gc
import json
import multiprocessing
import os
import pickle
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from typing import Final

from bench.usage import read_rss_mib
from revet.verify.candidate import Candidate, judge
from revet.verify.evidence import Evidence, Proof
from revet.verify.root import read_root
from revet.verify.trust import Question, Trust
from revet.verify.verdict import Findings
from revet.webhook.findings import Kept
from tests.support.registry import digest_of
from tests.support.sigstore.world import BUNDLE, Sigstore, statement

DIGESTS: Final = 10_000


def measure_cached_mib() -> float:
    """Return what the memory of a process grows by."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return process.submit(_fill).result()


def _fill() -> float:
    now = datetime.now(UTC).replace(microsecond=0)
    sigstore, digest = Sigstore(now), digest_of(b"0")
    raw = json.dumps(sigstore.keyless(statement(digest))).encode()
    trust = Trust((), read_root(json.dumps(sigstore.root()).encode()))
    proof = judge(Candidate(f"referrer {digest}", BUNDLE, raw), Question(digest, trust, now))
    if not isinstance(proof, Proof):
        raise TypeError(f"it was not verified: {proof.reason}")
    written = pickle.dumps(Findings(Evidence(digest, (proof,))))
    kept = Kept(lambda: 0.0)
    gc.collect()
    before = read_rss_mib(os.getpid())
    digests = [digest_of(str(number).encode()) for number in range(DIGESTS)]
    for other in digests:
        # Nothing of it is shared, as nothing of two verifications is.
        findings = pickle.loads(written.replace(digest.encode(), other.encode()))  # noqa: S301
        kept.put(_name(other), findings)
    grown = read_rss_mib(os.getpid()) - before
    if any(kept.find(_name(each)) is None for each in digests):
        raise RuntimeError("not all of them are kept")
    return grown


def _name(digest: str) -> str:
    return f"registry.example.com/team/app@{digest}"
