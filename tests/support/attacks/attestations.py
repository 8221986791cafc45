"""Attacks on attestations: old ones, others' ones, and ones that say something else."""

from datetime import timedelta
from typing import Any

from tests.support.attacks.case import case
from tests.support.attacks.stage import Stage, Told
from tests.support.sigstore.authority import Wish, new_key
from tests.support.sigstore.world import How, statement

SLSA_1 = "https://slsa.dev/provenance/v1"
SLSA_0_2 = "https://slsa.dev/provenance/v0.2"
BUILDER = "https://github.com/actions/runner"
SOURCE = "https://github.com/acme/web"


async def attested(
    stage: Stage, want: dict[str, Any], kind: str, predicate: object, how: How | None = None
) -> Told:
    """Sign the image, attest this, and verify."""
    stage.attach(stage.sigstore.keyed(statement(stage.digest), stage.key))
    stage.attach(
        stage.sigstore.keyed(statement(stage.digest, kind, predicate), stage.key, how or How())
    )
    return await stage.verify(stage.by_key(attestations=[want]))


def _slsa(builder: str = BUILDER, source: str = SOURCE, kind: str = "gha") -> dict[str, Any]:
    workflow = {"repository": source, "ref": "refs/heads/main"}
    return {
        "buildDefinition": {"buildType": kind, "externalParameters": {"workflow": workflow}},
        "runDetails": {"builder": {"id": builder}},
    }


_WANTED = {
    "type": "slsaprovenance1",
    "builderIds": [BUILDER],
    "sources": ["https://github.com/acme/*"],
    "buildTypes": ["gha"],
}


@case("provenance")
async def _(stage: Stage) -> Told:
    return await attested(stage, _WANTED, SLSA_1, _slsa())


@case("provenance-0.2")
async def _(stage: Stage) -> Told:
    source = {"uri": f"git+{SOURCE}@refs/tags/v1"}
    said = {"builder": {"id": BUILDER}, "buildType": "gha", "invocation": {"configSource": source}}
    return await attested(stage, _WANTED, SLSA_0_2, said)


@case("provenance-of-another-builder")
async def _(stage: Stage) -> Told:
    return await attested(stage, _WANTED, SLSA_1, _slsa(builder="https://evil.example.com"))


@case("provenance-of-another-source")
async def _(stage: Stage) -> Told:
    return await attested(stage, _WANTED, SLSA_1, _slsa(source="https://github.com/acme-evil/web"))


@case("provenance-of-two-sources")
async def _(stage: Stage) -> Told:
    said = _slsa()
    said["buildDefinition"]["externalParameters"]["source"] = "https://github.com/evil/web"
    return await attested(stage, _WANTED, SLSA_1, said)


@case("provenance-of-another-build-type")
async def _(stage: Stage) -> Told:
    return await attested(stage, _WANTED, SLSA_1, _slsa(kind="other"))


@case("provenance-without-a-source")
async def _(stage: Stage) -> Told:
    said = _slsa()
    said["buildDefinition"]["externalParameters"] = None
    return await attested(stage, _WANTED, SLSA_1, said)


@case("provenance-by-a-stranger")
async def _(stage: Stage) -> Told:
    stage.attach(stage.sigstore.keyed(statement(stage.digest), stage.key))
    stage.attach(stage.sigstore.keyed(statement(stage.digest, SLSA_1, _slsa()), new_key()))
    return await stage.verify(stage.by_key(attestations=[_WANTED]))


@case("no-provenance")
async def _(stage: Stage) -> Told:
    stage.attach(stage.sigstore.keyed(statement(stage.digest), stage.key))
    return await stage.verify(stage.by_key(attestations=[_WANTED]))


@case("sbom")
async def _(stage: Stage) -> Told:
    want = {"type": "sbom", "format": "spdx"}
    return await attested(stage, want, "https://spdx.dev/Document", {"spdxVersion": "SPDX-2.3"})


@case("sbom-of-another-format")
async def _(stage: Stage) -> Told:
    want = {"type": "sbom", "format": "cyclonedx"}
    return await attested(stage, want, "https://spdx.dev/Document", {"spdxVersion": "SPDX-2.3"})


@case("sbom-that-is-empty")
async def _(stage: Stage) -> Told:
    return await attested(stage, {"type": "sbom"}, "https://spdx.dev/Document", {})


_REVIEW = "https://example.com/review/v1"
_REVIEWED: dict[str, Any] = {
    "type": "custom",
    "predicateType": _REVIEW,
    "required": [{"path": "review.approved", "equals": True}],
}


@case("custom")
async def _(stage: Stage) -> Told:
    return await attested(stage, _REVIEWED, _REVIEW, {"review": {"approved": True}})


@case("custom-with-one-for-true")
async def _(stage: Stage) -> Told:
    return await attested(stage, _REVIEWED, _REVIEW, {"review": {"approved": 1}})


@case("custom-without-the-field")
async def _(stage: Stage) -> Told:
    return await attested(stage, _REVIEWED, _REVIEW, {"review": "approved"})


@case("custom-that-was-taken-back")
async def _(stage: Stage) -> Told:
    before = How(when=stage.now - timedelta(hours=2))
    said = statement(stage.digest, _REVIEW, {"review": {"approved": True}})
    stage.attach(stage.sigstore.keyed(said, stage.key, before))
    return await attested(stage, _REVIEWED, _REVIEW, {"review": {"approved": False}})


@case("custom-wrapped-by-cosign")
async def _(stage: Stage) -> Told:
    kind = "https://cosign.sigstore.dev/attestation/v1"
    want = {**_REVIEWED, "predicateType": kind}
    return await attested(stage, want, kind, {"Data": '{"review": {"approved": true}}'})


@case("attestation-by-an-identity")
async def _(stage: Stage) -> Told:
    stage.attach(stage.sigstore.keyless(statement(stage.digest)))
    stage.attach(stage.sigstore.keyless(statement(stage.digest, SLSA_1, _slsa())))
    return await stage.verify(stage.by_identity(attestations=[_WANTED]))


@case("attestation-by-another-identity")
async def _(stage: Stage) -> Told:
    stage.attach(stage.sigstore.keyless(statement(stage.digest)))
    wish = Wish(subject="evil@example.com")
    stage.attach(stage.sigstore.keyless(statement(stage.digest, SLSA_1, _slsa()), wish))
    return await stage.verify(stage.by_identity(attestations=[_WANTED]))
