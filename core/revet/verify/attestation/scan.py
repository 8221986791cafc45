"""A vulnerability scan: how old it is, and whether what it found has been left for too long."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final, NamedTuple

from revet.core.model.policy_images import Attestation, Deadlines
from revet.verify.attestation import vex
from revet.verify.attestation.moment import read_duration, read_time, write_duration, write_time
from revet.verify.attestation.vulnerability import (
    Severity,
    Vulnerability,
    read_vulnerabilities,
)
from revet.verify.error import SignatureError
from revet.verify.evidence import Proof
from revet.verify.root import SKEW

_SHOWN: Final = 3


class Answer(NamedTuple):
    """Whether the newest scan is good enough, and why."""

    holds: bool
    text: str


@dataclass(frozen=True, slots=True)
class ScanQuestion:
    """What is asked of the scans of an image."""

    TYPES: ClassVar[tuple[str, ...]] = ("https://cosign.sigstore.dev/attestation/vuln/v1",)

    want: Attestation
    digest: str
    now: datetime
    is_time_required: bool
    """Whether somebody trusted must say when it was signed."""


def judge_scans(scans: Iterable[Proof], others: Iterable[Proof], question: ScanQuestion) -> Answer:
    """Judge the newest scan; `others` are the proofs that may lower what it found."""
    dated: list[tuple[datetime, Proof]] = []
    reasons: list[str] = []
    for proof in scans:
        try:
            dated.append((_date(proof, question), proof))
        except SignatureError as error:
            reasons.append(f"{proof.place}: {error}")
    if not dated:
        return Answer(False, f"no vulnerability scan that counts: {'; '.join(reasons)}")
    when, newest = max(dated, key=lambda each: each[0])
    most = read_duration(question.want.max_age or "0h")
    if question.now - when > most:
        age = write_duration(question.now - when)
        text = f"the newest scan is of {write_time(when)}, {age} old, may be {write_duration(most)}"
        return Answer(False, text)
    try:
        found = read_vulnerabilities(_result(newest))
    except SignatureError as error:
        return Answer(False, f"{newest.place}: {error}")
    documents = [each.predicate for each in others if _is_vex(each)]
    harmless = vex.find_harmless(documents, question.digest)
    overdue = [each for each in found if each.id not in harmless and _is_overdue(each, question)]
    if overdue:
        return Answer(False, _complain(overdue))
    lowered = sum(each.id in harmless for each in found)
    aside = f", {lowered} of them by OpenVEX" if lowered else ""
    return Answer(True, f"{newest.place}: of {write_time(when)}, nothing overdue{aside}")


def _date(proof: Proof, question: ScanQuestion) -> datetime:
    """Return of when a scan is: neither signing it again nor writing it ahead makes it young."""
    metadata = proof.predicate.get("metadata") if isinstance(proof.predicate, dict) else None
    finished = read_time(metadata.get("scanFinishedOn") if isinstance(metadata, dict) else None)
    if finished is None:
        raise SignatureError("it does not say when the scan was finished")
    if finished > question.now + SKEW:
        raise SignatureError(f"it says {write_time(finished)}, which is still to come")
    if proof.signed_at is not None:
        return min(finished, proof.signed_at)
    if question.is_time_required:
        raise SignatureError("nobody trusted says when it was signed")
    return finished


def _result(proof: Proof) -> object:
    scanner = proof.predicate.get("scanner")
    return scanner.get("result") if isinstance(scanner, dict) else None


def _is_vex(proof: Proof) -> bool:
    kind = proof.statement.predicate_type
    return kind == vex.TYPE or kind.startswith(f"{vex.TYPE}/")


def _is_overdue(each: Vulnerability, question: ScanQuestion) -> bool:
    deadlines = question.want.deadlines or Deadlines()
    text = deadlines.critical if each.severity is Severity.CRITICAL else deadlines.high
    # Where nobody says since when there is a fix, it may have been there for long.
    return each.since is None or question.now - each.since > read_duration(text)


def _complain(overdue: list[Vulnerability]) -> str:
    shown = "; ".join(
        f"{each.id} ({each.severity}) in {each.package}, fixed in {each.fix}"
        + (f", known since {write_time(each.since)}" if each.since else ", since when is not told")
        for each in overdue[:_SHOWN]
    )
    more = f"; and {len(overdue) - _SHOWN} more" if len(overdue) > _SHOWN else ""
    return f"left for too long: {shown}{more}"
