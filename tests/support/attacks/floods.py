"""Attacks on whoever verifies: what is short to send, and long to read or large to hold."""

import json

from aiohttp import web

from tests.support.attacks.case import case
from tests.support.attacks.registry import answer, sign
from tests.support.attacks.signature import UNLOGGED
from tests.support.attacks.stage import Stage, Told
from tests.support.registry import EMPTY_CONFIG, OCI_INDEX, OCI_MANIFEST, always, digest_of
from tests.support.sigstore.authority import Wish, new_key
from tests.support.sigstore.world import BUNDLE, statement

_HOLLOW = "{}," * 1_000_000 + "{}"


@case("layer-that-is-longer-than-it-says")
async def _(stage: Stage) -> Told:
    raw = json.dumps(stage.sigstore.keyed(statement(stage.digest), stage.key, UNLOGGED)).encode()
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": EMPTY_CONFIG,
        "layers": [{"mediaType": BUNDLE, "digest": digest_of(raw), "size": 2}],
        "subject": {"mediaType": OCI_MANIFEST, "size": 2, "digest": stage.digest},
    }
    stage.registry.push(stage.repository, json.dumps(manifest).encode())
    stage.registry.push_blob(stage.repository, raw)
    return await stage.verify(stage.by_key())


@case("layers-that-are-long-together")
async def _(stage: Stage) -> Told:
    stage.attach_layers([(bytes([each]) * (6 << 20), BUNDLE, {}) for each in range(3)])
    return await stage.verify(stage.by_key())


@case("manifest-of-a-million-parts")
async def _(stage: Stage) -> Told:
    head = f'{{"schemaVersion": 2, "mediaType": "{OCI_MANIFEST}", "config": {{}}, "layers": ['
    headers = {"Content-Type": OCI_MANIFEST}
    answer(stage, web.Response(body=f"{head}{_HOLLOW}]}}".encode(), headers=headers))
    return await stage.verify(stage.by_key())


@case("referrers-of-a-million-parts")
async def _(stage: Stage) -> Told:
    body = f'{{"schemaVersion": 2, "mediaType": "{OCI_INDEX}", "manifests": [], "x": [{_HOLLOW}]}}'
    stage.registry.instead[f"/v2/{stage.repository}/referrers/{stage.digest}"] = always(
        lambda: web.Response(body=body.encode(), content_type=OCI_INDEX)
    )
    return await stage.verify(stage.by_key())


@case("bundle-of-a-million-values")
async def _(stage: Stage) -> Told:
    stage.attach(f'{{"mediaType": "{BUNDLE}", "x": [{_HOLLOW}]}}'.encode())
    sign(stage)
    return await stage.verify(stage.by_key())


@case("statement-of-a-million-values")
async def _(stage: Stage) -> Told:
    # Anybody may sign anything by the public instance, in his own name.
    said = json.dumps(statement(stage.digest, "https://example.com/x", "@"))
    long = said.replace('"@"', f"[{_HOLLOW}]").encode()
    stage.attach(stage.sigstore.keyless(long, Wish(subject="me@evil.example")))
    sign(stage)
    return await stage.verify(stage.by_key())


@case("statement-that-nobody-signed")
async def _(stage: Stage) -> Told:
    # It is not read at all: not even that it is of no known type is said.
    said = json.dumps({**statement(stage.digest), "_type": "x"}).encode()
    stage.attach(stage.sigstore.keyed(said, new_key(), UNLOGGED))
    return await stage.verify(stage.by_key())
