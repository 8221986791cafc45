"""A small honest registry over TLS, and how to make it a dishonest one.

It speaks what a client reads of the distribution specification, with the referrers API or without,
open, by basic login or by tokens, and keeps what it was asked.
"""

import asyncio
import hashlib
import json
import ssl
import tempfile
import threading
from base64 import b64decode
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from e2e.cluster.certificates import Authority
from e2e.cluster.process import free_port

OCI_INDEX: Final = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
EMPTY_CONFIG: Final = {
    "mediaType": "application/vnd.oci.empty.v1+json",
    "digest": f"sha256:{hashlib.sha256(b'{}').hexdigest()}",
    "size": 2,
}
TOKEN: Final = "a-token"  # noqa: S105 -- of a registry that is gone in a second

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def digest_of(data: bytes) -> str:
    """Return the digest by which a registry knows these bytes."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def image(content: str, **more: Any) -> bytes:  # noqa: ANN401 # any JSON
    """Write the manifest of an image; another `content`, another digest."""
    layer = {"mediaType": "text/plain", "digest": digest_of(content.encode()), "size": len(content)}
    manifest = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": EMPTY_CONFIG}
    return json.dumps({**manifest, "layers": [layer], **more}).encode()


def index(*manifests: bytes) -> bytes:
    """Write the index of these manifests."""
    entries = [
        {"mediaType": OCI_MANIFEST, "digest": digest_of(each), "size": len(each)}
        for each in manifests
    ]
    return json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}).encode()


def always(response: Callable[[], web.Response]) -> Handler:
    """Return a handler that answers nothing else."""

    async def handle(_: web.Request) -> web.Response:
        return response()

    return handle


@dataclass(frozen=True)
class Asked:
    """A request, as it came."""

    path: str
    authorization: str


@dataclass
class FakeRegistry:
    """What a registry holds, and how it behaves; tests change it while it serves.

    Attributes:
        users: who may read; empty: everybody.
        bearer: whether they do so by tokens.
        realm: where tokens are; empty: here, at /token.
        has_referrers: whether it has the referrers API.
        page: how many referrers come at once.
        delay_s: how far away it is: each answer takes so long.
        instead: answers in its place, by path.

    """

    users: dict[str, str] = field(default_factory=dict)
    bearer: bool = False
    realm: str = ""
    has_referrers: bool = True
    page: int = 100
    delay_s: float = 0.0
    instead: dict[str, Handler] = field(default_factory=dict)
    manifests: dict[tuple[str, str], tuple[bytes, str]] = field(default_factory=dict)
    blobs: dict[tuple[str, str], bytes] = field(default_factory=dict)
    referrers: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    host: str = ""

    def push(self, repository: str, manifest: bytes, *tags: str, media_type: str = "") -> str:
        """Take a manifest, and point these tags to it; return its digest."""
        kind = media_type or json.loads(manifest)["mediaType"]
        digest = digest_of(manifest)
        for name in (digest, *tags):
            self.manifests[repository, name] = (manifest, kind)
        if subject := json.loads(manifest).get("subject"):
            referring = self.referrers.setdefault((repository, subject["digest"]), [])
            referring += [] if digest in referring else [digest]
            if not self.has_referrers:
                # A client does that where there is no API: read, add, write.
                tag = subject["digest"].replace(":", "-")
                self.push(repository, self._listing(repository, subject["digest"]), tag)
        return digest

    def push_blob(self, repository: str, data: bytes) -> str:
        """Take a blob, and return its digest."""
        self.blobs[repository, digest_of(data)] = data
        return digest_of(data)

    def paths(self) -> list[str]:
        """Return what was asked for, in order."""
        return [each.path for each in self.asked]

    def app(self) -> web.Application:
        """Make its HTTP server."""
        app = web.Application(client_max_size=1 << 20)
        app.router.add_route("*", "/{path:.*}", self._handle)
        return app

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(Asked(request.path_qs, request.headers.get("Authorization", "")))
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        if request.path in self.instead:
            return await self.instead[request.path](request)
        if request.path == "/token":
            return await self._give_token(request)
        if not self._may_read(request):
            return self._challenge()
        repository, kind, name = self._split(request.path)
        if kind == "manifests" and (repository, name) in self.manifests:
            body, media_type = self.manifests[repository, name]
            return web.Response(body=body, content_type=media_type)
        if kind == "blobs" and (repository, name) in self.blobs:
            return web.Response(body=self.blobs[repository, name])
        if kind == "referrers" and self.has_referrers:
            return self._refer(request, repository, name)
        return web.json_response({"errors": [{"code": "MANIFEST_UNKNOWN"}]}, status=404)

    def _may_read(self, request: web.Request) -> bool:
        told = request.headers.get("Authorization", "")
        if not self.users:
            return True
        return told == f"Bearer {TOKEN}" if self.bearer else self._is_user(told)

    def _is_user(self, authorization: str) -> bool:
        scheme, _, encoded = authorization.partition(" ")
        user, _, password = b64decode(encoded).decode().partition(":")
        return scheme == "Basic" and self.users.get(user) == password

    def _challenge(self) -> web.Response:
        realm = self.realm or f"https://{self.host}/token"
        challenge = f'Bearer realm="{realm}",service="fake"' if self.bearer else 'Basic realm="x"'
        return web.Response(status=401, headers={"WWW-Authenticate": challenge})

    async def _give_token(self, request: web.Request) -> web.Response:
        form = await request.post()
        is_known = self._is_user(request.headers.get("Authorization", ""))
        if is_known or form.get("refresh_token") in self.users.values():
            return web.json_response({"token": TOKEN, "expires_in": 300})
        return web.Response(status=401)

    def _refer(self, request: web.Request, repository: str, digest: str) -> web.Response:
        listing = json.loads(self._listing(repository, digest))
        start = int(request.query.get("from", "0"))
        found = listing["manifests"]
        listing["manifests"] = found[start : start + self.page]
        headers = {}
        if start + self.page < len(found):
            headers["Link"] = f'<{request.path}?from={start + self.page}>; rel="next"'
        return web.Response(body=json.dumps(listing), content_type=OCI_INDEX, headers=headers)

    def _listing(self, repository: str, digest: str) -> bytes:
        found = []
        for name in self.referrers.get((repository, digest), ()):
            body, kind = self.manifests[repository, name]
            told = json.loads(body).get("artifactType", "")
            found.append(
                {"mediaType": kind, "digest": name, "size": len(body), "artifactType": told}
            )
        return json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": found}).encode()

    @staticmethod
    def _split(path: str) -> tuple[str, str, str]:
        for kind in ("manifests", "blobs", "referrers"):
            repository, slash, name = path.removeprefix("/v2/").partition(f"/{kind}/")
            if slash:
                return repository, kind, name
        return "", "", ""


@asynccontextmanager
async def serving(
    registry: FakeRegistry, authority: Authority, port: int = 0
) -> AsyncIterator[FakeRegistry]:
    """Serve on loopback, at a free port; `host` is then how references name it."""
    runner = web.AppRunner(registry.app(), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", port, ssl_context=server_context(authority))
        await site.start()
        registry.host = f"127.0.0.1:{runner.addresses[0][1]}"
        yield registry
    finally:
        # Cut, since nobody waits for the last words of TLS before the event loop ends.
        for connection in runner.server.connections if runner.server else ():
            if connection.transport is not None:
                connection.transport.abort()
        await runner.cleanup()
        await asyncio.sleep(0)


def server_context(authority: Authority) -> ssl.SSLContext:
    """Make a context whose certificate this authority has signed, for loopback by all names."""
    issued = authority.issue_server("registry", ["127.0.0.1", "localhost"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        certificate, key = Path(folder, "tls.crt"), Path(folder, "tls.key")
        certificate.write_bytes(issued.certificate)
        key.write_bytes(issued.key)
        context.load_cert_chain(certificate, key)
    return context


@contextmanager
def serving_beside(
    registry: FakeRegistry, authority: Authority, port: int = 0
) -> Iterator[FakeRegistry]:
    """Serve from a thread of its own, for tests that are no coroutines."""
    stop: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []
    is_up = threading.Event()
    port = port or free_port()

    async def serve() -> None:
        async with serving(registry, authority, port):
            stop.append((asyncio.get_running_loop(), asyncio.Event()))
            is_up.set()
            await stop[0][1].wait()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    is_up.wait()
    try:
        yield registry
    finally:
        loop, event = stop[0]
        loop.call_soon_threadsafe(event.set)
        thread.join()
