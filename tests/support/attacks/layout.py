"""Attacks on forms: the bytes of statements, and the layouts of cosign 2 and 3."""

import base64
import json

from tests.support.attacks.case import case
from tests.support.attacks.signature import UNLOGGED, VULN, signed
from tests.support.attacks.stage import Stage, Told, other_digest
from tests.support.sigstore.rekor import encode
from tests.support.sigstore.world import (
    simple_signing,
    statement,
)


@case("duplicate-keys")
async def _(stage: Stage) -> Told:
    said = json.dumps(statement(stage.digest))
    twice = said.replace('"predicateType"', f'"predicateType": "{VULN}", "predicateType"')
    return await signed(stage, twice.encode())


@case("duplicate-keys-in-the-bundle")
async def _(stage: Stage) -> Told:
    bundle = json.dumps(stage.sigstore.keyed(statement(stage.digest), stage.key, UNLOGGED))
    stage.attach(bundle.replace('"mediaType"', '"mediaType": "x", "mediaType"').encode())
    return await stage.verify(stage.by_key())


@case("nan")
async def _(stage: Stage) -> Told:
    return await signed(stage, json.dumps(statement(stage.digest, predicate=float("nan"))).encode())


@case("deep-nesting")
async def _(stage: Stage) -> Told:
    deep = "[" * 100_000 + "]" * 100_000
    said = json.dumps(statement(stage.digest)).replace('"predicate": {}', f'"predicate": {deep}')
    return await signed(stage, said.encode())


@case("not-utf-8")
async def _(stage: Stage) -> Told:
    said = json.dumps(statement(stage.digest, predicate="x")).encode()
    return await signed(stage, said.replace(b'"x"', b'"\xff"'))


@case("base64-with-junk")
async def _(stage: Stage) -> Told:
    bundle = stage.sigstore.keyed(statement(stage.digest), stage.key, UNLOGGED)
    bundle["dsseEnvelope"]["payload"] = "\n" + bundle["dsseEnvelope"]["payload"]
    stage.attach(bundle)
    return await stage.verify(stage.by_key())


@case("base64-with-loose-bits")
async def _(stage: Stage) -> Told:
    bundle = stage.sigstore.keyed(statement(stage.digest), stage.key, UNLOGGED)
    payload = base64.b64decode(bundle["dsseEnvelope"]["payload"])
    padded = encode(payload + b" " * ((1 - len(payload)) % 3))
    bundle["dsseEnvelope"]["payload"] = padded[:-3] + chr(ord(padded[-3]) + 1) + "=="
    stage.attach(bundle)
    return await stage.verify(stage.by_key())


@case("unknown-statement-type")
async def _(stage: Stage) -> Told:
    return await signed(stage, statement(stage.digest, _type="https://in-toto.io/Statement/v9"))


@case("message-signature-bundle")
async def _(stage: Stage) -> Told:
    bundle = stage.sigstore.keyed(statement(stage.digest), stage.key, UNLOGGED)
    bundle["messageSignature"] = {"signature": bundle["dsseEnvelope"]["signatures"][0]["sig"]}
    del bundle["dsseEnvelope"]
    stage.attach(bundle)
    return await stage.verify(stage.by_key())


@case("bundle-of-an-unknown-version")
async def _(stage: Stage) -> Told:
    bundle = stage.sigstore.keyed(statement(stage.digest), stage.key, UNLOGGED)
    bundle["mediaType"] = "application/vnd.dev.sigstore.bundle.v9+json"
    stage.attach(bundle)
    return await stage.verify(stage.by_key())


@case("annotation-of-another-signature")
async def _(stage: Stage) -> Told:
    payload = simple_signing(stage.digest)
    other = stage.sigstore.layer(simple_signing(other_digest()), stage.key)
    stage.tag(payload, other)
    return await stage.verify(stage.by_key())


@case("annotation-without-end")
async def _(stage: Stage) -> Told:
    payload = simple_signing(stage.digest)
    annotations = stage.sigstore.layer(payload, stage.key)
    stage.tag(payload, {**annotations, "junk": "x" * 100_000})
    return await stage.verify(stage.by_key())


@case("signed-in-the-old-layout")
async def _(stage: Stage) -> Told:
    payload = simple_signing(stage.digest)
    stage.tag(payload, stage.sigstore.layer(payload, stage.key, how=UNLOGGED))
    return await stage.verify(stage.by_key())
