"""The registry run, and images pushed to it. Apart, so that tests see references only."""

import base64
import hashlib
import json
import ssl
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any, Final

from e2e.cluster.certificates import Authority
from e2e.cluster.toolchain import build_go

_INDEX: Final = "application/vnd.oci.image.index.v1+json"
_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
_CONFIG: Final = "application/vnd.oci.image.config.v1+json"
_LAYER: Final = "application/vnd.oci.image.layer.v1.tar"


class PushError(Exception):
    """The registry did not take something."""


@dataclass(frozen=True)
class PushRegistry:
    """A registry that runs; `host` is how references name it."""

    host: str
    ca_file: Path
    login: tuple[str, str] | None = None

    def push_image(self, repository: str, content: str) -> str:
        """Push an image with one layer; return its digest."""
        config = json.dumps({"architecture": "amd64", "os": "linux", "config": {}}).encode()
        layers = [self.push_blob(repository, content.encode(), _LAYER)]
        held = self.push_blob(repository, config, _CONFIG)
        document = {"schemaVersion": 2, "mediaType": _MANIFEST, "config": held, "layers": layers}
        return self.push_manifest(repository, document)

    def push_index(self, repository: str, digests: Sequence[str], sizes: Sequence[int]) -> str:
        """Push an index of images, one a platform; return its digest."""
        entries = [
            {
                "mediaType": _MANIFEST,
                "digest": digest,
                "size": size,
                "platform": {"os": "linux", "architecture": f"arch{number}"},
            }
            for number, (digest, size) in enumerate(zip(digests, sizes, strict=True))
        ]
        document = {"schemaVersion": 2, "mediaType": _INDEX, "manifests": entries}
        return self.push_manifest(repository, document)

    def push_manifest(self, repository: str, document: dict[str, Any], tag: str = "") -> str:
        """Push a manifest or index; return its digest."""
        raw = json.dumps(document).encode()
        digest = _digest(raw)
        path = f"/v2/{repository}/manifests/{tag or digest}"
        self._send("PUT", path, raw, document["mediaType"])
        return digest

    def push_blob(self, repository: str, raw: bytes, kind: str) -> dict[str, Any]:
        """Push a blob; return its descriptor."""
        place = self._send("POST", f"/v2/{repository}/blobs/uploads/", b"", "")
        digest = _digest(raw)
        self._send("PUT", f"{place}?digest={digest}", raw, "application/octet-stream")
        return {"mediaType": kind, "digest": digest, "size": len(raw)}

    def size_of(self, repository: str, digest: str) -> int:
        """Return the size of a manifest."""
        return len(self._ask("GET", f"/v2/{repository}/manifests/{digest}", b"", "")[1])

    def _send(self, method: str, path: str, body: bytes, kind: str) -> str:
        return self._ask(method, path, body, kind)[0]

    def _ask(self, method: str, path: str, body: bytes, kind: str) -> tuple[str, bytes]:
        context = ssl.create_default_context(cafile=str(self.ca_file))
        connection = HTTPSConnection(self.host, context=context, timeout=30)
        headers = {"Content-Type": kind} if kind else {}
        if self.login:
            encoded = base64.b64encode(":".join(self.login).encode()).decode()
            headers["Authorization"] = f"Basic {encoded}"
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if answer.status >= HTTPStatus.BAD_REQUEST:
            raise PushError(f"{method} {path}: {answer.status} {content[:200]!r}")
        return answer.getheader("Location") or "", content


@contextmanager
def open_registry(
    folder: Path, *, has_referrers: bool, login: tuple[str, str] | None = None
) -> Iterator[PushRegistry]:
    """Run a registry, empty at first, on a free port of loopback."""
    authority = Authority("registry")
    issued = authority.issue_server("registry", ["127.0.0.1"])
    files = {"ca.crt": authority.ca_pem, "tls.crt": issued.certificate, "tls.key": issued.key}
    for name, content in files.items():
        (folder / name).write_bytes(content)
    program = build_go(Path(__file__).parent, ["."], ["registry"])[0]
    argv = [str(program), "-cert", "tls.crt", "-key", "tls.key"]
    argv.append(f"-referrers={str(has_referrers).lower()}")
    argv += ["-user", ":".join(login)] if login else []
    with subprocess.Popen(argv, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            host = process.stdout.readline().strip()
            yield PushRegistry(host, folder / "ca.crt", login)
        finally:
            process.terminate()


def _digest(raw: bytes) -> str:
    return f"sha256:{hashlib.sha256(raw).hexdigest()}"
