"""Attacks on what is signed: other payloads, other forms, other keys."""

import json
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from tests.support.attacks.case import case
from tests.support.attacks.stage import Stage, Told, other_digest
from tests.support.sigstore.authority import new_key
from tests.support.sigstore.rekor import encode
from tests.support.sigstore.world import (
    SIGN,
    How,
    public_pem,
    simple_signing,
    statement,
)

UNLOGGED = How(is_logged=False)
VULN = "https://cosign.sigstore.dev/attestation/vuln/v1"


async def signed(stage: Stage, said: dict[str, Any] | bytes, how: How = UNLOGGED) -> Told:
    """Sign with the right key, and verify by it."""
    stage.attach(stage.sigstore.keyed(said, stage.key, how))
    return await stage.verify(stage.by_key())


@case("signed-by-key")
async def _(stage: Stage) -> Told:
    return await signed(stage, statement(stage.digest))


@case("wrong-key")
async def _(stage: Stage) -> Told:
    stage.attach(stage.sigstore.keyed(statement(stage.digest), new_key(), UNLOGGED))
    return await stage.verify(stage.by_key())


@case("hint-of-the-right-key")
async def _(stage: Stage) -> Told:
    bundle = stage.sigstore.keyed(statement(stage.digest), new_key(), UNLOGGED)
    honest = stage.sigstore.keyed(statement(stage.digest), stage.key, UNLOGGED)
    bundle["verificationMaterial"] = honest["verificationMaterial"]
    stage.attach(bundle)
    return await stage.verify(stage.by_key())


@case("no-signature")
async def _(stage: Stage) -> Told:
    return await stage.verify(stage.by_key())


@case("key-where-identity-is-wanted")
async def _(stage: Stage) -> Told:
    stage.attach(stage.sigstore.keyed(statement(stage.digest), stage.key))
    return await stage.verify(stage.by_identity())


@case("identity-where-key-is-wanted")
async def _(stage: Stage) -> Told:
    stage.attach(stage.sigstore.keyless(statement(stage.digest)))
    return await stage.verify(stage.by_key())


@case("key-and-certificate-in-one-bundle")
async def _(stage: Stage) -> Told:
    bundle = stage.sigstore.keyless(statement(stage.digest))
    bundle["verificationMaterial"]["publicKey"] = {"hint": "x"}
    stage.attach(bundle)
    return await stage.verify(stage.by_identity())


@case("payload-of-another-image")
async def _(stage: Stage) -> Told:
    return await signed(stage, statement(other_digest()))


@case("payload-of-another-image-keyless")
async def _(stage: Stage) -> Told:
    stage.attach(stage.sigstore.keyless(statement(other_digest())))
    return await stage.verify(stage.by_identity())


@case("payload-of-another-image-in-the-old-layout")
async def _(stage: Stage) -> Told:
    payload = simple_signing(other_digest())
    stage.tag(payload, stage.sigstore.layer(payload, stage.key))
    return await stage.verify(stage.by_key())


@case("attestation-as-signature")
async def _(stage: Stage) -> Told:
    return await signed(stage, statement(stage.digest, VULN))


@case("attestation-as-signature-keyless")
async def _(stage: Stage) -> Told:
    stage.attach(stage.sigstore.keyless(statement(stage.digest, VULN)))
    return await stage.verify(stage.by_identity())


@case("attestation-as-signature-in-the-old-layout")
async def _(stage: Stage) -> Told:
    raw, annotations = stage.sigstore.attestation_layer(statement(stage.digest, VULN), stage.key)
    kind = "application/vnd.dsse.envelope.v1+json"
    stage.tag(raw, annotations, kind, "sig")
    return await stage.verify(stage.by_key())


@case("signature-as-attestation")
async def _(stage: Stage) -> Told:
    stage.attach(stage.sigstore.keyed(statement(stage.digest), stage.key, UNLOGGED))
    wanted = [{"type": "custom", "predicateType": SIGN}]
    return await stage.verify(stage.by_key(attestations=wanted))


@case("swapped-payload")
async def _(stage: Stage) -> Told:
    bundle = stage.sigstore.keyed(statement(other_digest()), stage.key, UNLOGGED)
    payload = json.dumps(statement(stage.digest)).encode()
    bundle["dsseEnvelope"]["payload"] = encode(payload)
    stage.attach(bundle)
    return await stage.verify(stage.by_key())


@case("swapped-payload-type")
async def _(stage: Stage) -> Told:
    said = json.dumps(statement(stage.digest)).encode()
    bundle = stage.sigstore.keyed(said, stage.key, How(is_logged=False, kind="text/plain"))
    bundle["dsseEnvelope"]["payloadType"] = "application/vnd.in-toto+json"
    stage.attach(bundle)
    return await stage.verify(stage.by_key())


@case("unknown-payload-type")
async def _(stage: Stage) -> Told:
    return await signed(
        stage, statement(stage.digest), How(is_logged=False, kind="application/json")
    )


@case("two-envelope-signatures")
async def _(stage: Stage) -> Told:
    bundle = stage.sigstore.keyed(statement(stage.digest), stage.key, UNLOGGED)
    bundle["dsseEnvelope"]["signatures"] *= 2
    stage.attach(bundle)
    return await stage.verify(stage.by_key())


@case("no-envelope-signature")
async def _(stage: Stage) -> Told:
    bundle = stage.sigstore.keyed(statement(stage.digest), stage.key, UNLOGGED)
    bundle["dsseEnvelope"]["signatures"] = []
    stage.attach(bundle)
    return await stage.verify(stage.by_key())


@case("simple-signing-in-an-envelope")
async def _(stage: Stage) -> Told:
    return await signed(stage, simple_signing(stage.digest))


@case("statement-as-simple-signing")
async def _(stage: Stage) -> Told:
    payload = json.dumps(statement(stage.digest)).encode()
    stage.tag(payload, stage.sigstore.layer(payload, stage.key))
    return await stage.verify(stage.by_key())


@case("two-subjects")
async def _(stage: Stage) -> Told:
    said = statement(stage.digest)
    said["subject"] += statement(other_digest())["subject"]
    return await signed(stage, said)


@case("no-subject")
async def _(stage: Stage) -> Told:
    return await signed(stage, statement(stage.digest, subject=[]))


@case("upper-case-digest")
async def _(stage: Stage) -> Told:
    return await signed(stage, statement(stage.digest.upper().replace("SHA256", "sha256")))


@case("sha512-only")
async def _(stage: Stage) -> Told:
    return await signed(stage, statement(stage.digest, subject=[{"digest": {"sha512": "ab" * 64}}]))


@case("p384-by-sha256")
async def _(stage: Stage) -> Told:
    key = ec.generate_private_key(ec.SECP384R1())
    stage.attach(stage.sigstore.keyed(statement(stage.digest), key, UNLOGGED))
    return await stage.verify(stage.by_key(anyOf=[{"key": {"pem": public_pem(key)}}]))


@case("p256-by-sha512")
async def _(stage: Stage) -> Told:
    how = How(is_logged=False, algorithm=hashes.SHA512())
    return await signed(stage, statement(stage.digest), how)


@case("unlogged-where-a-log-is-wanted")
async def _(stage: Stage) -> Told:
    stage.attach(stage.sigstore.keyed(statement(stage.digest), stage.key, UNLOGGED))
    return await stage.verify(stage.by_key(transparencyLog="Required"))


@case("log-entry-of-another-key")
async def _(stage: Stage) -> Told:
    bundle = stage.sigstore.keyed(statement(stage.digest), stage.key, UNLOGGED)
    other = stage.sigstore.keyed(statement(stage.digest), new_key())
    entries = other["verificationMaterial"]["tlogEntries"]
    bundle["verificationMaterial"]["tlogEntries"] = entries
    stage.attach(bundle)
    return await stage.verify(stage.by_key(transparencyLog="Required"))
