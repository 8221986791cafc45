"""The registry client against registries that lie, stall, flood, or send it elsewhere."""

import asyncio
import gzip
import json

import pytest
from aiohttp import web

from revet.adapters.registry.client import MOST_MANIFEST_BYTES
from revet.adapters.registry.error import RegistryError
from tests.adapters.conftest import SECRET, MakeClient, refused
from tests.support.registry import (
    OCI_INDEX,
    OCI_MANIFEST,
    FakeRegistry,
    always,
    digest_of,
    image,
)

PATH = "/v2/app/manifests/1"


async def test_a_header_does_not_make_the_digest(server: FakeRegistry, client: MakeClient) -> None:
    body = image("one")
    lie = {"Docker-Content-Digest": digest_of(b"another"), "Content-Type": OCI_MANIFEST}
    server.instead[PATH] = always(lambda: web.Response(body=body, headers=lie))
    assert await client().resolve(f"{server.host}/app:1") == digest_of(body)


async def test_other_bytes_under_a_digest(server: FakeRegistry, client: MakeClient) -> None:
    digest = digest_of(b"what was asked for")
    server.manifests["app", digest] = (image("another"), OCI_MANIFEST)
    server.blobs["app", digest] = b"another"
    registry = client()
    with pytest.raises(RegistryError, match="other bytes than those of"):
        await registry.manifest(f"{server.host}/app@{digest}")
    with pytest.raises(RegistryError, match="other bytes than those of"):
        await registry.blob(f"{server.host}/app", digest)


async def test_a_mirror_that_lies_is_passed_over(
    server: FakeRegistry, other: FakeRegistry, client: MakeClient
) -> None:
    digest = server.push("app", image("one"))
    other.manifests["app", digest] = (image("another"), OCI_MANIFEST)
    registry = client(mirrors=(other.host,), names_other=True)
    assert await registry.manifest(f"{server.host}/app@{digest}") == image("one")


@pytest.mark.parametrize("tells", [True, False], ids=["length", "chunks"])
async def test_a_manifest_of_26_megabytes(
    server: FakeRegistry, client: MakeClient, *, tells: bool
) -> None:
    chunk = b" " * (1 << 20)
    sent = 0

    async def flood(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse(headers={"Content-Type": OCI_MANIFEST})
        if tells:
            response.content_length = 26 << 20
        await response.prepare(request)
        for _ in range(26):
            await response.write(chunk)
            sent += 1
        return response

    server.instead[PATH] = flood
    await refused(client, server, f"more than {MOST_MANIFEST_BYTES} bytes")
    # It hung up long before the end; what was under way fits in buffers.
    assert sent < 20


async def test_a_blob_is_read_no_further_than_asked(
    server: FakeRegistry, client: MakeClient
) -> None:
    digest = server.push_blob("app", b"x" * 1001)
    with pytest.raises(RegistryError, match="more than 1000 bytes"):
        await client().blob(f"{server.host}/app", digest, 1000)


async def test_a_gzip_bomb_is_not_unpacked(server: FakeRegistry, client: MakeClient) -> None:
    bomb = gzip.compress(b" " * (64 << 20), 9)
    headers = {"Content-Encoding": "gzip", "Content-Type": OCI_MANIFEST}
    server.instead[PATH] = always(lambda: web.Response(body=bomb, headers=headers))
    await refused(client, server, "a packed body, which nobody asked for")


async def test_a_registry_that_stalls(server: FakeRegistry, client: MakeClient) -> None:
    ended = asyncio.Event()

    async def stall(_: web.Request) -> web.Response:
        await ended.wait()
        return web.Response()

    server.instead[PATH] = stall
    with pytest.raises(RegistryError, match="no answer in time"):
        await client(timeout_s=0.2).resolve(f"{server.host}/app:1")
    ended.set()


@pytest.mark.parametrize(
    "answer", [b"", b"[]", b"{}", b'{"token": ""}', b'{"token": "a\\r\\nHost: x"}', b"\xff"]
)
async def test_what_is_no_token(server: FakeRegistry, client: MakeClient, answer: bytes) -> None:
    server.users, server.bearer = {"me": "secret"}, True
    server.instead["/token"] = always(lambda: web.Response(body=answer))
    await refused(client, server, "answered without a token")


async def test_an_unknown_way_to_log_in(server: FakeRegistry, client: MakeClient) -> None:
    headers = {"WWW-Authenticate": "Negotiate"}
    server.instead[PATH] = always(lambda: web.Response(status=401, headers=headers))
    await refused(client, server, "asks for a login by 'Negotiate'")


@pytest.mark.parametrize(
    "path",
    [
        "app@sha512:" + "a" * 64,
        "app@sha256:" + "A" * 64,
        "app@",
        "app:1@sha256:" + "a" * 64 + "@sha256:" + "b" * 64,
        "App:1",
        "a/../b:1",
        "a//b:1",
        "äpp:1",
        "app:1/../../x",
        "app:1?x=y",
        "app: 1",
        "app:",
        "",
    ],
)
async def test_what_is_no_reference_is_asked_of_nobody(
    server: FakeRegistry, client: MakeClient, path: str
) -> None:
    if path == "app:":  # an empty tag is none
        await refused(client, server, "answered 404", tag="")
        return
    with pytest.raises(RegistryError, match="is no image reference"):
        await client().resolve(f"{server.host}/{path}")
    assert server.asked == []


async def test_a_certificate_that_nobody_we_trust_has_signed(
    server: FakeRegistry, client: MakeClient
) -> None:
    with pytest.raises(RegistryError, match=r"can't be asked: .*certificate"):
        await client(trusts=False).resolve(f"{server.host}/app:1")
    assert server.asked == []


@pytest.mark.parametrize(
    ("body", "media_type", "text"),
    [
        (b"<html>" + SECRET.encode(), "text/html", "what is no image manifest"),
        (json.dumps(SECRET).encode(), OCI_MANIFEST, "what is no image manifest"),
        (b'{"schemaVersion": 1, "fsLayers": []}', OCI_MANIFEST, "not of schema version 2"),
        (b'{"schemaVersion": 2}', OCI_MANIFEST, "neither clearly"),
        (b'{"schemaVersion": 2, "layers": [], "manifests": []}', OCI_INDEX, "neither clearly"),
        (b'{"schemaVersion": 2, "config": {}, "manifests": []}', OCI_INDEX, "neither clearly"),
        (image("one"), OCI_INDEX, "calls it"),
        (image("one", mediaType=OCI_INDEX), OCI_MANIFEST, "calls it"),
        (image("one"), "application/json", "calls it"),
        (b'{"schemaVersion": 2, "manifests": []}', OCI_MANIFEST, "calls it"),
        (b"[" * 100_000, OCI_MANIFEST, "what is no image manifest"),
    ],
)
async def test_what_could_be_taken_for_something_else(
    server: FakeRegistry, client: MakeClient, body: bytes, media_type: str, text: str
) -> None:
    server.instead[PATH] = always(lambda: web.Response(body=body, content_type=media_type))
    await refused(client, server, text)


async def test_errors_tell_nothing_of_the_body(server: FakeRegistry, client: MakeClient) -> None:
    server.instead[PATH] = always(lambda: web.Response(status=403, text=SECRET, reason=SECRET))
    await refused(client, server, "answered 403 Forbidden")
