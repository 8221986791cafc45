"""What is kept of a predicate is judged as the whole was, and is small."""

from datetime import UTC, datetime
from typing import Any

import pytest

from revet.core.model.policy_images import Attestation
from revet.verify.attestation.content import CYCLONEDX, SPDX, find_sbom_fault
from revet.verify.attestation.scan import ScanQuestion, judge_scans
from revet.verify.attestation.summary import summarize
from revet.verify.evidence import Evidence, KeySigner, Proof
from revet.verify.statement import Statement

NOW = datetime(2026, 1, 2, tzinfo=UTC)
DIGEST = f"sha256:{'0' * 64}"
(VULN,) = ScanQuestion.TYPES
OLD = {
    "VulnerabilityID": "CVE-1",
    "Severity": "HIGH",
    "FixedVersion": "2",
    "PkgName": "ssl",
    "PublishedDate": "2025-01-01T00:00:00Z",
}
TRIVY = {"SchemaVersion": 2, "Results": [{"Vulnerabilities": [OLD]}]}
GRYPE = {
    "matches": [
        {
            "vulnerability": {
                "id": "CVE-2",
                "severity": "Critical",
                "fix": {"state": "fixed", "versions": ["3"], "available": [{"date": "2025-12-31"}]},
            },
            "artifact": {"name": "zlib", "version": "1"},
        }
    ]
}
MANY = [{**OLD, "VulnerabilityID": f"CVE-{each}", "Severity": "LOW"} for each in range(1000)]


def proof(kind: str, predicate: object) -> Proof:
    """Have somebody say this of the image."""
    return Proof("here", KeySigner("0"), Statement(kind, predicate, 100_000))


def shorten(whole: Proof, *types: str) -> Proof:
    """Return what is kept of it."""
    return summarize(Evidence(DIGEST, (whole,)), types).proofs[0]


def scan(result: object, **changes: object) -> dict[str, Any]:
    """Write a scan."""
    metadata = {"scanFinishedOn": "2026-01-01T12:00:00Z"}
    return {"metadata": metadata, "scanner": {"uri": "x", "result": result}, **changes}


@pytest.mark.parametrize(
    "predicate",
    [
        scan(TRIVY),
        scan(GRYPE),
        scan({"SchemaVersion": 2}),
        scan({"Results": [{"Vulnerabilities": [{}]}]}),
        scan("text"),
        scan(TRIVY, metadata=None),
        scan(TRIVY, metadata={}),
        scan(TRIVY, scanner=[]),
        None,
        [],
    ],
)
def test_a_scan_is_judged_as_before(predicate: object) -> None:
    want = Attestation.model_validate_json('{"type": "vuln", "maxAge": "24h"}')
    question = ScanQuestion(want, DIGEST, NOW, is_time_required=False)
    whole = proof(VULN, predicate)
    short = shorten(whole)
    assert judge_scans([short], [], question) == judge_scans([whole], [], question)
    assert shorten(short) == short


def test_of_a_scan_is_kept_what_is_overdue_some_day() -> None:
    result = {"SchemaVersion": 2, "Results": [{"Vulnerabilities": [*MANY, OLD]}]}
    assert shorten(proof(VULN, scan(result))).statement.size < 100


@pytest.mark.parametrize(
    ("kind", "predicate"),
    [
        (CYCLONEDX, {"bomFormat": "CycloneDX", "components": [{}] * 9}),
        (f"{CYCLONEDX}/v1.5", {"bomFormat": "other", "components": [{}] * 9}),
        (CYCLONEDX, {"bomFormat": ["CycloneDX"]}),
        (CYCLONEDX, "CycloneDX"),
        (SPDX, {"spdxVersion": "SPDX-2.3", "packages": [{}] * 9}),
        (SPDX, {"spdxVersion": 2}),
        (SPDX, {"@context": "x", "@graph": [{}] * 9}),
        (SPDX, {"@graph": [{}] * 9}),
        (SPDX, " \nSPDXVersion: SPDX-2.3\n" + "x" * 999),
        (SPDX, "Version" + "x" * 999),
        (SPDX, None),
    ],
)
def test_a_bill_of_materials_is_judged_as_before(kind: str, predicate: object) -> None:
    short = shorten(proof(kind, predicate))
    assert find_sbom_fault(kind, short.predicate) == find_sbom_fault(kind, predicate)
    assert short.statement.size == 0
    assert len(str(short.predicate)) < 100


def test_what_a_rule_asks_fields_of_stays_whole() -> None:
    for kind in (VULN, CYCLONEDX):
        whole = proof(kind, scan(TRIVY))
        assert shorten(whole, kind) == whole
    other = proof("https://example.com/review/v1", {"approved": True})
    assert shorten(other) == other
