"""What is kept of a predicate: what rules ask of it. Documents of megabytes are asked for little.

Apart from who judges, since it must be the same whether all was kept or only this.
"""

from collections.abc import Collection
from dataclasses import replace
from typing import Final

from revet.verify.attestation.content import CYCLONEDX, SPDX, is_below
from revet.verify.attestation.scan import ScanQuestion
from revet.verify.attestation.vulnerability import read_vulnerabilities
from revet.verify.error import SignatureError
from revet.verify.evidence import Evidence, Proof
from revet.verify.statement import Statement

#: `SPDXVersion:` and no more is looked for, after whatever space.
_TEXT: Final = 64
#: What a vulnerability has beside its texts.
_ITEM: Final = 64


def summarize(evidence: Evidence, whole: Collection[str]) -> Evidence:
    """Leave out of predicates what no rule asks for; those of the types `whole` stay whole."""
    proofs = (
        each if each.statement.predicate_type in whole else _shorten(each)
        for each in evidence.proofs
    )
    return replace(evidence, proofs=tuple(proofs))


def _shorten(proof: Proof) -> Proof:
    kind = proof.statement.predicate_type
    if kind in ScanQuestion.TYPES:
        return replace(proof, statement=_shorten_scan(proof.statement))
    if is_below(kind, SPDX) or is_below(kind, CYCLONEDX):
        document = _shorten_document(proof.predicate)
        return replace(proof, statement=Statement(kind, document))
    return proof


def _shorten_document(predicate: object) -> object:
    if isinstance(predicate, str):
        return predicate.lstrip()[:_TEXT]
    if not isinstance(predicate, dict):
        return None
    # Of the first two the value counts, of the others that they are there.
    kept = {name: predicate[name] for name in ("bomFormat", "spdxVersion") if name in predicate}
    short = {name: each for name, each in kept.items() if isinstance(each, str)}
    return short | {name: True for name in ("@context", "@graph") if name in predicate}


def _shorten_scan(statement: Statement) -> Statement:
    predicate = statement.predicate
    metadata, scanner = (
        predicate.get(each) if isinstance(predicate, dict) else None
        for each in ("metadata", "scanner")
    )
    if not isinstance(metadata, dict) or not isinstance(scanner, dict):
        return statement
    try:
        found = read_vulnerabilities(scanner.get("result"))
    except SignatureError:
        return statement  # what is wrong with it is said when it is judged
    short = {
        "metadata": {"scanFinishedOn": metadata.get("scanFinishedOn")},
        "scanner": {"result": found},
    }
    size = sum(_ITEM + len(each.id) + len(each.package) + len(each.fix) for each in found)
    return Statement(statement.predicate_type, short, size)
