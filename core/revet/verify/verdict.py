"""What a rule makes of the evidence about an image, step by step, each with its reason."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from revet.core.model.policy_images import AttestationType
from revet.verify.attestation import content, provenance
from revet.verify.attestation.moment import write_time
from revet.verify.attestation.scan import ScanQuestion, judge_scans
from revet.verify.evidence import Evidence, Proof
from revet.verify.rule import Rule, Signer, Want


class Outcome(StrEnum):
    """How a step, or an image, has come out."""

    VERIFIED = "verified"
    REJECTED = "rejected"
    UNKNOWN = "unknown"


class Step(NamedTuple):
    """One thing that was asked of an image, and why it holds or not."""

    what: str
    outcome: Outcome
    text: str


@dataclass(frozen=True, slots=True)
class Findings:
    """The evidence about an image, and about each of its platforms where those are asked for."""

    image: Evidence
    platforms: tuple[tuple[str, Evidence], ...] = ()


def judge_rule(rule: Rule, findings: Findings, now: datetime) -> tuple[Step, ...]:
    """Judge an image by a rule; it holds if all steps do."""
    signature = _judge_signature(rule, findings.image)
    subjects = findings.platforms if rule.is_every_platform else (("", findings.image),)
    return (
        signature,
        *(
            _judge_want(rule, want, evidence, platform, now)
            for want in rule.wants
            for platform, evidence in subjects
        ),
    )


def conclude(steps: Iterable[Step]) -> Outcome:
    """Return how it has come out: what is refused stays so, whatever else is unknown."""
    outcomes = {step.outcome for step in steps}
    for each in (Outcome.REJECTED, Outcome.UNKNOWN):
        if each in outcomes:
            return each
    return Outcome.VERIFIED


def explain_proof(rule: Rule, proof: Proof, signers: tuple[Signer, ...]) -> str:
    """Say why a proof does not count for the rule; empty if it does."""
    if not any(each.is_of(proof) for each in signers):
        return f"by {proof.signer}, who is none of the signers"
    if rule.is_log_required and not proof.logged:
        return proof.log_problem or "not in a transparency log"
    return ""


def _judge_signature(rule: Rule, evidence: Evidence) -> Step:
    what = "signature"
    for proof in evidence.proofs:
        if proof.is_signature and not explain_proof(rule, proof, rule.signers):
            return Step(what, Outcome.VERIFIED, _describe(proof))
    signers = " or ".join(each.name for each in rule.signers)
    wanted = f'no signature by "{rule.name}" ({signers})'
    reasons = [
        f"{proof.place}: {explain_proof(rule, proof, rule.signers)}"
        for proof in evidence.proofs
        if proof.is_signature
    ]
    return _fail(what, wanted, reasons, evidence)


def _judge_want(rule: Rule, want: Want, evidence: Evidence, platform: str, now: datetime) -> Step:
    kind = want.attestation.type
    what = f"{kind} of {platform}" if platform else str(kind)
    own = [proof for proof in evidence.proofs if _is_wanted(want, proof)]
    counted = [proof for proof in own if not explain_proof(rule, proof, rule.signers)]
    reasons = [
        f"{proof.place}: {explain_proof(rule, proof, rule.signers)}"
        for proof in own
        if proof not in counted
    ]
    if not counted:
        return _fail(what, f'no {_name(want)} by "{rule.name}"', reasons, evidence)
    if kind is AttestationType.VULN:
        question = ScanQuestion(want.attestation, evidence.digest, now, rule.is_log_required)
        vex = [
            proof for proof in evidence.proofs if not explain_proof(rule, proof, want.vex_signers)
        ]
        answer = judge_scans(counted, vex, question)
        if answer.holds:
            return Step(what, Outcome.VERIFIED, answer.text)
        return _fail(what, answer.text, [], evidence)
    faults = [(proof, _find_fault(want, proof)) for proof in counted]
    if kind is AttestationType.CUSTOM:
        faults = list(_newest(faults))
        is_met = all(not fault for _, fault in faults)
    else:
        is_met = any(not fault for _, fault in faults)
    if is_met:
        return Step(what, Outcome.VERIFIED, _describe(next(p for p, fault in faults if not fault)))
    reasons += [f"{proof.place}: {fault}" for proof, fault in faults if fault]
    return _fail(what, f"no {_name(want)} that is as it must be", reasons, evidence)


def _newest(faults: list[tuple[Proof, str]]) -> Iterator[tuple[Proof, str]]:
    """Yield the last word, and all of which nobody says when it was said."""
    dated = [each for each in faults if each[0].signed_at is not None]
    yield from (each for each in faults if each[0].signed_at is None)
    last = max((each[0].signed_at for each in dated if each[0].signed_at), default=None)
    yield from (each for each in dated if each[0].signed_at == last)


def _is_wanted(want: Want, proof: Proof) -> bool:
    kind = proof.statement.predicate_type
    match want.attestation.type:
        case AttestationType.SLSA_PROVENANCE_1:
            return kind in provenance.TYPES
        case AttestationType.VULN:
            return kind in ScanQuestion.TYPES
        case AttestationType.SBOM:
            return content.is_sbom(kind, want.attestation.format)
        case AttestationType.CUSTOM:
            return kind == want.attestation.predicate_type and not proof.is_signature


def _find_fault(want: Want, proof: Proof) -> str:
    kind = proof.statement.predicate_type
    match want.attestation.type:
        case AttestationType.SLSA_PROVENANCE_1:
            return provenance.find_fault(kind, proof.predicate, want.attestation)
        case AttestationType.SBOM:
            return content.find_sbom_fault(kind, proof.predicate)
        case AttestationType.CUSTOM:
            return content.find_custom_fault(kind, proof.predicate, want.attestation)
        case AttestationType.VULN:
            raise AssertionError("scans are judged together")


def _name(want: Want) -> str:
    match want.attestation.type:
        case AttestationType.SLSA_PROVENANCE_1:
            return "SLSA provenance"
        case AttestationType.VULN:
            return "vulnerability scan"
        case AttestationType.SBOM:
            return f"SBOM ({want.attestation.format or 'spdx or cyclonedx'})"
        case AttestationType.CUSTOM:
            return f"attestation of type {want.attestation.predicate_type}"


def _describe(proof: Proof) -> str:
    when = f", {write_time(proof.signed_at)}" if proof.signed_at is not None else ""
    logged = "in the log" if proof.logged else "in no log"
    return f"{proof.place}: by {proof.signer}, {logged}{when}"


def _fail(what: str, text: str, reasons: list[str], evidence: Evidence) -> Step:
    """Refuse; or leave it open, where a registry has kept something back."""
    if evidence.unread:
        first = evidence.unread[0]
        return Step(what, Outcome.UNKNOWN, f"{first.reason} ({first.place})")
    shown = "; ".join(reasons[:4])
    return Step(what, Outcome.REJECTED, f"{text}: {shown}" if shown else text)
