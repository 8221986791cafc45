"""What `revet verify` prints: each step with its reason and, if asked, all that was looked at."""

from collections.abc import Iterator, Sequence
from typing import Final

from revet.core.message import plain
from revet.verify.evidence import Evidence, Proof
from revet.verify.verdict import explain_proof
from revet.verify.verifier import Judged, Verdict

_INDENT: Final = "  "


def render_verdict(verdict: Verdict, policies: Sequence[str], *, is_explained: bool) -> str:
    """Write a verdict; `policies` are those that its rules are of, in order."""
    lines = [verdict.reference, f"{_INDENT}is {verdict.digest or 'not known'}"]
    for policy, judged in zip(policies, verdict.judged, strict=True):
        lines += ["", f'policy {policy}, rule "{judged.rule.name}"']
        width = max(len(step.what) for step in judged.steps)
        lines += (
            f"{_INDENT}{step.what:<{width}}  {step.outcome:<8}  {step.text}"
            for step in judged.steps
        )
        if is_explained:
            lines += _explain(judged)
    lines += ["", str(verdict.outcome)]
    return "\n".join(map(plain, lines))


def _explain(judged: Judged) -> Iterator[str]:
    rule = judged.rule
    root = rule.trust.root
    yield f"{_INDENT}by {' or '.join(each.name for each in rule.signers)}"
    yield f"{_INDENT}trust root sha256:{root.digest[:16]}…" if root else f"{_INDENT}no trust root"
    log = "is needed" if rule.is_log_required else "is not needed"
    yield f"{_INDENT}an entry in a transparency log {log}"
    if judged.findings is None:
        return
    subjects = {"the image": judged.findings.image, **dict(judged.findings.platforms)}
    for name, evidence in subjects.items():
        yield f"{_INDENT}beside {name}, {evidence.digest}:"
        yield from (f"{_INDENT * 2}{line}" for line in _list(judged, evidence))


def _list(judged: Judged, evidence: Evidence) -> Iterator[str]:
    for proof in evidence.proofs:
        yield f"{proof.place}: {_describe(judged, proof)}"
    for flaw in evidence.flaws:
        yield f"{flaw.place}: proves nothing: {flaw.reason}"
    for flaw in evidence.unread:
        yield f"{flaw.place}: not read: {flaw.reason}"
    if not (evidence.proofs or evidence.flaws or evidence.unread):
        yield "nothing"


def _describe(judged: Judged, proof: Proof) -> str:
    kind = "signature" if proof.is_signature else proof.statement.predicate_type
    fault = explain_proof(judged.rule, proof, judged.rule.signers)
    when = f", {proof.signed_at:%Y-%m-%dT%H:%M:%SZ}" if proof.signed_at else ""
    logged = "in the log" if proof.logged else "in no log"
    counts = f"does not count: {fault}" if fault else "counts"
    return f"{kind} by {proof.signer}, {logged}{when}: {counts}"
