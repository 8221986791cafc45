"""Attacks by manifests: indexes, their platforms, and forms that are two things."""

import json

from aiohttp import web

from tests.support.attacks.case import case
from tests.support.attacks.registry import answer, sign
from tests.support.attacks.signature import UNLOGGED
from tests.support.attacks.stage import Stage, Told
from tests.support.registry import (
    OCI_INDEX,
    OCI_MANIFEST,
    digest_of,
    image,
    index,
)
from tests.support.sigstore.world import statement

BOM: dict[str, str] = {"bomFormat": "CycloneDX"}
BOM_TYPE = "https://cyclonedx.org/bom"


async def _every_platform(stage: Stage, top: bytes) -> Told:
    stage.digest = stage.registry.push(stage.repository, top, "1")
    sign(stage)
    rule = stage.by_key(attestationSubject="EveryPlatform", attestations=[{"type": "sbom"}])
    return await stage.verify(rule)


@case("index-in-an-index-in-an-index")
async def _(stage: Stage) -> Told:
    inner = index(image("a"))
    for _ in range(3):
        stage.registry.push(stage.repository, inner)
        entry = {"mediaType": OCI_INDEX, "digest": digest_of(inner), "size": len(inner)}
        document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry]}
        inner = json.dumps(document).encode()
    return await _every_platform(stage, inner)


@case("index-with-ten-thousand-children")
async def _(stage: Stage) -> Told:
    return await _every_platform(stage, index(*(str(each).encode() for each in range(10_000))))


@case("platform-without-its-attestation")
async def _(stage: Stage) -> Told:
    children = image("amd64"), image("arm64")
    for child in children:
        stage.registry.push(stage.repository, child)
    stage.digest = digest_of(children[0])
    stage.attach(stage.sigstore.keyed(statement(stage.digest, BOM_TYPE, BOM), stage.key, UNLOGGED))
    return await _every_platform(stage, index(*children))


@case("every-platform-attested")
async def _(stage: Stage) -> Told:
    children = image("amd64"), image("arm64")
    for child in children:
        stage.digest = stage.registry.push(stage.repository, child)
        stage.attach(
            stage.sigstore.keyed(statement(stage.digest, BOM_TYPE, BOM), stage.key, UNLOGGED)
        )
    return await _every_platform(stage, index(*children))


@case("child-of-a-signed-index")
async def _(stage: Stage) -> Told:
    child = stage.registry.push(stage.repository, image("amd64"))
    stage.digest = stage.registry.push(stage.repository, index(image("amd64")))
    sign(stage)
    name = stage.reference.removesuffix(":1")
    return await stage.verify(stage.by_key(), reference=f"{name}@{child}")


@case("schema-1-manifest")
async def _(stage: Stage) -> Told:
    kind = "application/vnd.docker.distribution.manifest.v1+json"
    body = json.dumps({"schemaVersion": 1, "mediaType": kind, "fsLayers": []}).encode()
    answer(stage, web.Response(body=body, headers={"Content-Type": kind}))
    return await stage.verify(stage.by_key())


@case("index-served-as-manifest")
async def _(stage: Stage) -> Told:
    headers = {"Content-Type": OCI_MANIFEST}
    answer(stage, web.Response(body=index(image("a")), headers=headers))
    return await stage.verify(stage.by_key())
