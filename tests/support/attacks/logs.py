"""Attacks on logs and times: entries of something else, keys that are retired, clocks."""

import base64
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from tests.support.attacks.case import case
from tests.support.attacks.stage import Stage, Told, ago, other_digest
from tests.support.sigstore.authority import ISSUER, SUBJECT, Wish
from tests.support.sigstore.rekor import Rekor, encode
from tests.support.sigstore.world import Document, How, Sigstore, simple_signing, statement


@dataclass
class _Pretender(Rekor):
    """A log that says to be another one."""

    pretended: bytes = b""

    @property
    def id(self) -> bytes:
        """The id of the other one."""
        return self.pretended


async def _by(stage: Stage, wish: Wish | None = None, how: How | None = None) -> Told:
    stage.attach(stage.sigstore.keyless(statement(stage.digest), wish, how or How()))
    return await stage.verify(stage.by_identity())


def _first_entry(bundle: Document) -> dict[str, Any]:
    entry: dict[str, Any] = bundle["verificationMaterial"]["tlogEntries"][0]
    return entry


@case("promise-of-another-time")
async def _(stage: Stage) -> Told:
    wish = Wish(not_before=ago(stage, hours=2))
    bundle = stage.sigstore.keyless(
        statement(stage.digest), wish, How(logged_at=ago(stage, hours=1))
    )
    in_time = int(ago(stage, hours=2).timestamp()) + 60
    _first_entry(bundle)["integratedTime"] = str(in_time)
    stage.attach(bundle)
    return await stage.verify(stage.by_identity())


@case("time-without-a-promise")
async def _(stage: Stage) -> Told:
    bundle = stage.sigstore.keyless(statement(stage.digest))
    del _first_entry(bundle)["inclusionPromise"]
    stage.attach(bundle)
    return await stage.verify(stage.by_identity())


@case("promise-of-another-time-in-the-old-layout")
async def _(stage: Stage) -> Told:
    payload = simple_signing(stage.digest)
    annotations = stage.sigstore.layer(payload)
    name = "dev.sigstore.cosign/bundle"
    when = int(stage.now.timestamp())
    annotations[name] = annotations[name].replace(f": {when}", f": {when - 1}")
    stage.tag(payload, annotations)
    return await stage.verify(stage.by_identity())


async def _with_entry(stage: Stage, other: Document) -> Told:
    bundle = stage.sigstore.keyless(statement(stage.digest))
    entries = other["verificationMaterial"]["tlogEntries"]
    bundle["verificationMaterial"]["tlogEntries"] = entries
    stage.attach(bundle)
    return await stage.verify(stage.by_identity())


@case("log-entry-of-another-artifact")
async def _(stage: Stage) -> Told:
    return await _with_entry(stage, stage.sigstore.keyless(statement(other_digest())))


@case("log-entry-of-another-signature")
async def _(stage: Stage) -> Told:
    return await _with_entry(stage, stage.sigstore.keyless(statement(stage.digest)))


@case("log-entry-of-another-signature-by-rekor-2")
async def _(stage: Stage) -> Told:
    how = How(is_second=True, stamped_at=stage.now)
    bundle = stage.sigstore.keyless(statement(stage.digest), None, how)
    other = stage.sigstore.keyless(statement(stage.digest), None, how)
    entries = other["verificationMaterial"]["tlogEntries"]
    bundle["verificationMaterial"]["tlogEntries"] = entries
    stage.attach(bundle)
    return await stage.verify(stage.by_identity())


@case("log-entry-of-another-layer-in-the-old-layout")
async def _(stage: Stage) -> Told:
    payload = simple_signing(stage.digest)
    annotations = stage.sigstore.layer(payload)
    name = "dev.sigstore.cosign/bundle"
    annotations[name] = stage.sigstore.layer(simple_signing(other_digest()))[name]
    stage.tag(payload, annotations)
    return await stage.verify(stage.by_identity())


@case("no-log-entry")
async def _(stage: Stage) -> Told:
    return await _by(stage, how=How(is_logged=False))


@case("two-log-entries")
async def _(stage: Stage) -> Told:
    bundle = stage.sigstore.keyless(statement(stage.digest))
    bundle["verificationMaterial"]["tlogEntries"] *= 2
    stage.attach(bundle)
    return await stage.verify(stage.by_identity())


@case("checkpoint-of-another-tree")
async def _(stage: Stage) -> Told:
    bundle = stage.sigstore.keyless(statement(stage.digest))
    envelope = stage.sigstore.rekor.checkpoint(b"\0" * 32, 7)
    _first_entry(bundle)["inclusionProof"]["checkpoint"]["envelope"] = envelope
    stage.attach(bundle)
    return await stage.verify(stage.by_identity())


@case("checkpoint-of-another-log")
async def _(stage: Stage) -> Told:
    bundle = stage.sigstore.keyless(
        statement(stage.digest), None, How(is_second=True, stamped_at=stage.now)
    )
    proof = _first_entry(bundle)["inclusionProof"]
    text = proof["checkpoint"]["envelope"]
    size = int(text.split("\n")[1])
    log = stage.sigstore.second
    honest, log.host = log.host, "other.example.com"
    try:
        root = base64.b64decode(proof["rootHash"])
        proof["checkpoint"]["envelope"] = log.checkpoint(root, size)
    finally:
        log.host = honest
    stage.attach(bundle)
    return await stage.verify(stage.by_identity())


@case("proof-that-is-corrupted")
async def _(stage: Stage) -> Told:
    stage.sigstore.keyless(statement(other_digest()))
    bundle = stage.sigstore.keyless(statement(stage.digest))
    hashes = _first_entry(bundle)["inclusionProof"]["hashes"]
    hashes[0] = encode(b"\0" * 32)
    stage.attach(bundle)
    return await stage.verify(stage.by_identity())


@case("log-that-is-unknown")
async def _(stage: Stage) -> Told:
    mixed = Sigstore(stage.now)
    mixed.authority = stage.sigstore.authority
    stage.attach(mixed.keyless(statement(stage.digest)))
    return await stage.verify(stage.by_identity())


async def _retired(stage: Stage, part: str, *, is_old_layout: bool = False) -> Told:
    """Sign a day after a part of the trust root has ceased to count."""
    root = stage.sigstore.root(**{part: {"end": stage.now - timedelta(days=1)}})
    keyless = {"issuer": {"exact": ISSUER}, "subject": {"exact": SUBJECT}}
    rule = stage.rule({"anyOf": [{"keyless": keyless}]}, root)
    if is_old_layout:
        payload = simple_signing(stage.digest)
        stage.tag(payload, stage.sigstore.layer(payload))
    else:
        stage.attach(stage.sigstore.keyless(statement(stage.digest)))
    return await stage.verify(rule)


@case("retired-log")
async def _(stage: Stage) -> Told:
    return await _retired(stage, "tlog")


@case("retired-log-in-the-old-layout")
async def _(stage: Stage) -> Told:
    return await _retired(stage, "tlog", is_old_layout=True)


@case("retired-authority")
async def _(stage: Stage) -> Told:
    return await _retired(stage, "ca")


@case("retired-certificate-log")
async def _(stage: Stage) -> Told:
    return await _retired(stage, "ctlog")


@case("retired-key-under-another-id")
async def _(stage: Stage) -> Told:
    # The library tries every key it has for an id that is not the hash of one.
    pretended = b"\1" * 32
    root = stage.sigstore.root(tlog={"end": stage.now - timedelta(days=1)})
    root["tlogs"][1]["logId"]["keyId"] = encode(pretended)
    log = _Pretender(key=stage.sigstore.rekor.key, pretended=pretended)
    world = Sigstore(stage.now, rekor=log)
    world.authority = stage.sigstore.authority
    keyless = {"issuer": {"exact": ISSUER}, "subject": {"exact": SUBJECT}}
    stage.attach(world.keyless(statement(stage.digest)))
    return await stage.verify(stage.rule({"anyOf": [{"keyless": keyless}]}, root))


@case("time-to-come")
async def _(stage: Stage) -> Told:
    later = stage.now + timedelta(days=365)
    return await _by(stage, Wish(not_before=later), How(when=later))


@case("time-to-come-in-the-old-layout")
async def _(stage: Stage) -> Told:
    later = stage.now + timedelta(days=365)
    payload = simple_signing(stage.digest)
    how = How(when=later)
    stage.tag(payload, stage.sigstore.layer(payload, wish=Wish(not_before=later), how=how))
    return await stage.verify(stage.by_identity())


@case("stamp-to-come")
async def _(stage: Stage) -> Told:
    later = stage.now + timedelta(days=365)
    return await _by(stage, Wish(not_before=later), How(is_second=True, stamped_at=later))


@case("clock-that-is-a-little-ahead")
async def _(stage: Stage) -> Told:
    later = stage.now + timedelta(minutes=4)
    return await _by(stage, Wish(not_before=later), How(when=later))


@case("stamp-over-other-bytes")
async def _(stage: Stage) -> Told:
    bundle = stage.sigstore.keyless(
        statement(stage.digest), None, How(is_second=True, stamped_at=stage.now)
    )
    stamp = encode(stage.sigstore.stamps.stamp(b"other bytes", stage.now))
    data = bundle["verificationMaterial"]["timestampVerificationData"]
    data["rfc3161Timestamps"] = [{"signedTimestamp": stamp}]
    stage.attach(bundle)
    return await stage.verify(stage.by_identity())


@case("stamp-by-a-stranger")
async def _(stage: Stage) -> Told:
    mixed = Sigstore(stage.now, second=stage.sigstore.second)
    mixed.authority = stage.sigstore.authority
    stage.attach(
        mixed.keyless(statement(stage.digest), None, How(is_second=True, stamped_at=stage.now))
    )
    return await stage.verify(stage.by_identity())


@case("retired-stamp-authority")
async def _(stage: Stage) -> Told:
    root = stage.sigstore.root(tsa={"end": stage.now - timedelta(days=1)})
    keyless = {"issuer": {"exact": ISSUER}, "subject": {"exact": SUBJECT}}
    stage.attach(
        stage.sigstore.keyless(
            statement(stage.digest), None, How(is_second=True, stamped_at=stage.now)
        )
    )
    return await stage.verify(stage.rule({"anyOf": [{"keyless": keyless}]}, root))


@case("hundreds-of-stamps")
async def _(stage: Stage) -> Told:
    bundle = stage.sigstore.keyless(
        statement(stage.digest), None, How(is_second=True, stamped_at=stage.now)
    )
    data = bundle["verificationMaterial"]["timestampVerificationData"]
    data["rfc3161Timestamps"] *= 300
    stage.attach(bundle)
    return await stage.verify(stage.by_identity())


@case("two-certificates-in-one-annotation")
async def _(stage: Stage) -> Told:
    payload = simple_signing(stage.digest)
    annotations = stage.sigstore.layer(payload)
    annotations["dev.sigstore.cosign/certificate"] += annotations["dev.sigstore.cosign/chain"]
    stage.tag(payload, annotations)
    return await stage.verify(stage.by_identity())


@case("keyless-without-a-log-in-the-old-layout")
async def _(stage: Stage) -> Told:
    payload = simple_signing(stage.digest)
    stage.tag(payload, stage.sigstore.layer(payload, how=How(is_logged=False)))
    return await stage.verify(stage.by_identity(transparencyLog="Ignored"))
