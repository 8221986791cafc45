"""Attacks by whoever controls the registry: lies, floods, delays, and other addresses."""

import asyncio
import gzip
import json

from aiohttp import web

from revet.adapters.registry.client import Registry
from revet.adapters.registry.endpoints import Endpoint, Endpoints
from revet.verify.verifier import Verifier
from tests.support.attacks.case import case
from tests.support.attacks.signature import UNLOGGED
from tests.support.attacks.stage import Stage, Told, other_digest, told
from tests.support.registry import (
    EMPTY_CONFIG,
    OCI_INDEX,
    OCI_MANIFEST,
    FakeRegistry,
    always,
    digest_of,
    image,
    serving,
)
from tests.support.sigstore.authority import new_key
from tests.support.sigstore.world import BUNDLE, statement


def sign(stage: Stage) -> None:
    stage.attach(stage.sigstore.keyed(statement(stage.digest), stage.key, UNLOGGED))


def _path(stage: Stage, kind: str, name: str) -> str:
    return f"/v2/{stage.repository}/{kind}/{name}"


def answer(stage: Stage, response: web.Response, name: str = "1") -> None:
    """Have the registry answer this, whatever is asked of a manifest."""

    async def handle(_: web.Request) -> web.Response:
        return web.Response(body=response.body, status=response.status, headers=response.headers)

    stage.registry.instead[_path(stage, "manifests", name)] = handle


@case("lying-digest-header")
async def _(stage: Stage) -> Told:
    # The header names a signed image; the bytes are those of another.
    sign(stage)
    headers = {"Docker-Content-Digest": stage.digest, "Content-Type": OCI_MANIFEST}
    answer(stage, web.Response(body=image("evil"), headers=headers))
    return await stage.verify(stage.by_key())


@case("other-bytes-under-a-digest")
async def _(stage: Stage) -> Told:
    bundle = json.dumps(stage.sigstore.keyed(statement(stage.digest), new_key(), UNLOGGED)).encode()
    stage.attach(bundle)
    honest = json.dumps(stage.sigstore.keyed(statement(stage.digest), stage.key, UNLOGGED))
    stage.registry.blobs[stage.repository, digest_of(bundle)] = honest.encode()
    return await stage.verify(stage.by_key())


@case("tag-that-moves-meanwhile")
async def _(stage: Stage) -> Told:
    sign(stage)
    path = _path(stage, "referrers", stage.digest)

    async def move(request: web.Request) -> web.StreamResponse:
        stage.registry.push(stage.repository, image("evil"), "1")
        del stage.registry.instead[path]
        return await stage.registry._handle(request)

    stage.registry.instead[path] = move
    verdict = await stage.judge(stage.reference, stage.by_key())
    # What is admitted is the digest that was verified, wherever the tag has gone.
    assert verdict.digest == stage.digest
    return told(verdict)


@case("manifest-of-26-megabytes")
async def _(stage: Stage) -> Told:
    headers = {"Content-Type": OCI_MANIFEST}
    answer(stage, web.Response(body=b" " * (26 << 20), headers=headers))
    return await stage.verify(stage.by_key())


@case("manifest-that-is-a-gzip-bomb")
async def _(stage: Stage) -> Told:
    headers = {"Content-Type": OCI_MANIFEST, "Content-Encoding": "gzip"}
    answer(stage, web.Response(body=gzip.compress(b" " * (64 << 20)), headers=headers))
    return await stage.verify(stage.by_key())


@case("descriptor-of-a-terabyte")
async def _(stage: Stage) -> Told:
    raw = b"{}"
    layer = {"mediaType": BUNDLE, "digest": digest_of(raw), "size": 1 << 40}
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": EMPTY_CONFIG,
        "layers": [layer],
        "subject": {"mediaType": OCI_MANIFEST, "size": 1 << 40, "digest": stage.digest},
    }
    stage.registry.push(stage.repository, json.dumps(manifest).encode())
    stage.registry.push_blob(stage.repository, raw)
    return await stage.verify(stage.by_key())


@case("blob-of-26-megabytes")
async def _(stage: Stage) -> Told:
    stage.attach(b" " * (26 << 20))
    return await stage.verify(stage.by_key())


@case("thousand-layers")
async def _(stage: Stage) -> Told:
    stage.attach_layers([(b"{}", BUNDLE, {})] * 1000)
    return await stage.verify(stage.by_key())


@case("thousand-referrers")
async def _(stage: Stage) -> Told:
    listed = [
        {"mediaType": OCI_MANIFEST, "digest": digest_of(str(each).encode()), "size": 2}
        for each in range(1200)
    ]
    body = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": listed})
    path = _path(stage, "referrers", stage.digest)
    stage.registry.instead[path] = always(
        lambda: web.Response(body=body.encode(), content_type=OCI_INDEX)
    )
    return await stage.verify(stage.by_key())


@case("fifty-junk-referrers")
async def _(stage: Stage) -> Told:
    for number in range(50):
        stage.attach(json.dumps({"junk": number}).encode())
    sign(stage)
    return await stage.verify(stage.by_key())


@case("slow-registry")
async def _(stage: Stage) -> Told:
    sign(stage)
    never = asyncio.Event()

    async def stall(_: web.Request) -> web.StreamResponse:
        await never.wait()
        raise web.HTTPNotFound

    path = _path(stage, "referrers", stage.digest)
    stage.registry.instead[path] = stall
    return await stage.verify(stage.by_key())


@case("registry-that-fails")
async def _(stage: Stage) -> Told:
    path = _path(stage, "referrers", stage.digest)
    stage.registry.instead[path] = always(lambda: web.Response(status=403, text="s3cret"))
    return await stage.verify(stage.by_key())


def _redirect(stage: Stage, target: str) -> None:
    answer(stage, web.Response(status=307, headers={"Location": target}))


@case("redirect-to-the-metadata-service")
async def _(stage: Stage) -> Told:
    _redirect(stage, "https://169.254.169.254/latest/meta-data/")
    return await stage.verify(stage.by_key())


@case("redirect-to-a-file")
async def _(stage: Stage) -> Told:
    _redirect(stage, "file:///etc/passwd")
    return await stage.verify(stage.by_key())


@case("redirect-in-a-loop")
async def _(stage: Stage) -> Told:
    _redirect(stage, _path(stage, "manifests", "1"))
    return await stage.verify(stage.by_key())


@case("registry-that-nobody-names")
async def _(stage: Stage) -> Told:
    return await stage.verify(stage.by_key(), reference="169.254.169.254/x:1")


@case("registry-with-another-certificate")
async def _(stage: Stage) -> Told:
    sign(stage)
    loop = asyncio.get_running_loop()
    endpoints = Endpoints([stage.registry.host], [Endpoint(stage.registry.host)])
    async with Registry.connect(endpoints, loop.time) as client:
        verdict = await Verifier(client, lambda: stage.now).verify(
            stage.reference, [stage.by_key()]
        )
    return told(verdict)


@case("referrer-of-another-image")
async def _(stage: Stage) -> Told:
    bundle = json.dumps(stage.sigstore.keyed(statement(stage.digest), stage.key, UNLOGGED)).encode()
    subject = {"mediaType": OCI_MANIFEST, "size": 2, "digest": other_digest()}
    layer = {"mediaType": BUNDLE, "digest": digest_of(bundle), "size": len(bundle)}
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": EMPTY_CONFIG,
            "layers": [layer],
            "subject": subject,
        }
    ).encode()
    stage.registry.push_blob(stage.repository, bundle)
    digest = stage.registry.push(stage.repository, manifest)
    listed = [{"mediaType": OCI_MANIFEST, "digest": digest, "size": len(manifest)}]
    body = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": listed}).encode()
    path = _path(stage, "referrers", stage.digest)
    stage.registry.instead[path] = always(lambda: web.Response(body=body, content_type=OCI_INDEX))
    return await stage.verify(stage.by_key())


@case("referrers-api-without-entries")
async def _(stage: Stage) -> Told:
    # The API says that there is nothing, the tag that stands in for it has it.
    sign(stage)
    listing = stage.registry._listing(stage.repository, stage.digest)
    stage.registry.push(stage.repository, listing, stage.digest.replace(":", "-"))
    empty = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}).encode()
    path = _path(stage, "referrers", stage.digest)
    stage.registry.instead[path] = always(lambda: web.Response(body=empty, content_type=OCI_INDEX))
    return await stage.verify(stage.by_key())


@case("fallback-tag-without-entries")
async def _(stage: Stage) -> Told:
    sign(stage)
    empty = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}).encode()
    stage.registry.push(stage.repository, empty, stage.digest.replace(":", "-"))
    return await stage.verify(stage.by_key())


@case("annotations-that-lie")
async def _(stage: Stage) -> Told:
    bundle = stage.sigstore.keyed(
        statement(other_digest(), "https://cyclonedx.org/bom"), stage.key, UNLOGGED
    )
    kind = "https://sigstore.dev/cosign/sign/v1"
    stage.attach(bundle, annotations={"dev.sigstore.bundle.predicateType": kind})
    return await stage.verify(stage.by_key())


@case("another-artifact-type")
async def _(stage: Stage) -> Told:
    # Some registries write this in place of what was pushed.
    bundle = stage.sigstore.keyed(statement(stage.digest), stage.key, UNLOGGED)
    stage.attach(bundle, artifactType="application/vnd.oci.empty.v1+json")
    return await stage.verify(stage.by_key())


@case("no-referrers-api")
async def _(stage: Stage) -> Told:
    async with serving(FakeRegistry(has_referrers=False), stage.world.tls) as registry:
        digest = registry.push("app", image("old"), "1")
        bundle = json.dumps(stage.sigstore.keyed(statement(digest), stage.key, UNLOGGED)).encode()
        blob = registry.push_blob("app", bundle)
        layer = {"mediaType": BUNDLE, "digest": blob, "size": len(bundle)}
        manifest = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": EMPTY_CONFIG,
            "layers": [layer],
            "subject": {"mediaType": OCI_MANIFEST, "size": 2, "digest": digest},
        }
        registry.push("app", json.dumps(manifest).encode())
        async with stage.client(registry.host) as client:
            verifier = Verifier(client, lambda: stage.now)
            verdict = await verifier.verify(f"{registry.host}/app:1", [stage.by_key()])
    return told(verdict)


@case("signature-from-another-repository")
async def _(stage: Stage) -> Told:
    # What is signed is the digest: where the signature's bytes came from makes no difference.
    sign(stage)
    copy = Stage(stage.world, f"{stage.repository}-copy")
    copy.digest = stage.registry.push(copy.repository, image(stage.repository), "1")
    sign(copy)
    return await copy.verify(copy.by_key())
