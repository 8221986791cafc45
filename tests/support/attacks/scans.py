"""Attacks on vulnerability scans and on what lowers them."""

from typing import Any

from tests.support.attacks.attestations import attested
from tests.support.attacks.case import case
from tests.support.attacks.stage import Stage, Told, ago
from tests.support.sigstore.authority import new_key
from tests.support.sigstore.world import How, public_pem, statement

SLSA_1 = "https://slsa.dev/provenance/v1"
SLSA_0_2 = "https://slsa.dev/provenance/v0.2"
VULN = "https://cosign.sigstore.dev/attestation/vuln/v1"
VEX = "https://openvex.dev/ns/v0.2.0"
CVE = "CVE-2026-0001"
_FORM = "%Y-%m-%dT%H:%M:%SZ"


def _scan(stage: Stage, *found: dict[str, Any], hours: float = 1) -> dict[str, Any]:
    finished = ago(stage, hours=hours).strftime(_FORM)
    result = {"SchemaVersion": 2, "Results": [{"Target": "web", "Vulnerabilities": list(found)}]}
    return {
        "invocation": {"parameters": None},
        "scanner": {"uri": "trivy", "version": "0.60", "result": result},
        "metadata": {"scanStartedOn": finished, "scanFinishedOn": finished},
    }


def _vulnerability(stage: Stage, hours: float | None, **changes: str) -> dict[str, Any]:
    published = {"PublishedDate": ago(stage, hours=hours).strftime(_FORM)} if hours else {}
    return {
        "VulnerabilityID": CVE,
        "PkgName": "openssl",
        "InstalledVersion": "3.0.0",
        "FixedVersion": "3.0.1",
        "Severity": "CRITICAL",
        **published,
        **changes,
    }


_FRESH: dict[str, Any] = {"type": "vuln", "maxAge": "24h"}


async def _with_vex(stage: Stage, signer: Any, **changes: Any) -> Told:  # noqa: ANN401 # a key
    document = {
        "@context": VEX,
        "timestamp": ago(stage, hours=1).strftime(_FORM),
        "statements": [
            {
                "vulnerability": {"name": CVE},
                "products": [{"@id": f"pkg:oci/web@{stage.digest.replace(':', '%3A')}"}],
                "status": "not_affected",
                "justification": "vulnerable_code_not_present",
                **changes,
            }
        ],
    }
    stage.attach(stage.sigstore.keyed(statement(stage.digest, VEX, document), signer))
    want = {**_FRESH, "vexSigners": [{"key": {"pem": public_pem(_VEX_KEY)}}]}
    return await attested(stage, want, VULN, _scan(stage, _vulnerability(stage, 49)))


_VEX_KEY = new_key()


@case("scan")
async def _(stage: Stage) -> Told:
    return await attested(stage, _FRESH, VULN, _scan(stage, _vulnerability(stage, 47)))


@case("scan-that-is-old")
async def _(stage: Stage) -> Told:
    how = How(when=ago(stage, hours=30))
    return await attested(stage, _FRESH, VULN, _scan(stage, hours=30), how)


@case("old-scan-signed-again")
async def _(stage: Stage) -> Told:
    return await attested(stage, _FRESH, VULN, _scan(stage, hours=30))


@case("old-scan-that-says-it-is-new")
async def _(stage: Stage) -> Told:
    how = How(when=ago(stage, hours=30))
    return await attested(stage, _FRESH, VULN, _scan(stage, hours=1), how)


@case("scan-to-come")
async def _(stage: Stage) -> Told:
    return await attested(stage, _FRESH, VULN, _scan(stage, hours=-48))


@case("older-clean-scan-beside-a-newer-one")
async def _(stage: Stage) -> Told:
    clean = statement(stage.digest, VULN, _scan(stage, hours=3))
    stage.attach(stage.sigstore.keyed(clean, stage.key))
    return await attested(stage, _FRESH, VULN, _scan(stage, _vulnerability(stage, 49)))


@case("critical-for-too-long")
async def _(stage: Stage) -> Told:
    return await attested(stage, _FRESH, VULN, _scan(stage, _vulnerability(stage, 49)))


@case("high-for-too-long")
async def _(stage: Stage) -> Told:
    found = _vulnerability(stage, 24 * 15, Severity="HIGH")
    return await attested(stage, _FRESH, VULN, _scan(stage, found))


@case("critical-without-a-date")
async def _(stage: Stage) -> Told:
    return await attested(stage, _FRESH, VULN, _scan(stage, _vulnerability(stage, None)))


@case("critical-without-a-fix")
async def _(stage: Stage) -> Told:
    found = _vulnerability(stage, 1000, FixedVersion="")
    return await attested(stage, _FRESH, VULN, _scan(stage, found))


@case("scan-in-an-unknown-form")
async def _(stage: Stage) -> Told:
    said = _scan(stage)
    said["scanner"]["result"] = {"all": "well"}
    return await attested(stage, _FRESH, VULN, said)


@case("vex")
async def _(stage: Stage) -> Told:
    return await _with_vex(stage, _VEX_KEY)


@case("vex-by-who-scans")
async def _(stage: Stage) -> Told:
    return await _with_vex(stage, stage.key)


@case("vex-about-another-product")
async def _(stage: Stage) -> Told:
    return await _with_vex(stage, _VEX_KEY, products=[{"@id": "pkg:oci/other"}])


@case("vex-about-a-part")
async def _(stage: Stage) -> Told:
    part = {"@id": stage.digest, "subcomponents": [{"@id": "pkg:deb/other"}]}
    return await _with_vex(stage, _VEX_KEY, products=[part])


@case("vex-without-a-reason")
async def _(stage: Stage) -> Told:
    return await _with_vex(stage, _VEX_KEY, justification="")


@case("vex-that-was-taken-back")
async def _(stage: Stage) -> Told:
    later = {
        "timestamp": stage.now.strftime(_FORM),
        "statements": [{"vulnerability": {"name": CVE}, "status": "affected"}],
    }
    stage.attach(stage.sigstore.keyed(statement(stage.digest, VEX, later), _VEX_KEY))
    return await _with_vex(stage, _VEX_KEY)
