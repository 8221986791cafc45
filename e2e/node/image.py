"""Images for the node, written as OCI archives: there is no registry, and none is needed."""

import hashlib
import json
import platform
import re
import tarfile
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, Final, NamedTuple

_INDEX: Final = "application/vnd.oci.image.index.v1+json"
_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
_CONFIG: Final = "application/vnd.oci.image.config.v1+json"
_LAYER: Final = "application/vnd.oci.image.layer.v1.tar"
_NAME: Final = "io.containerd.image.name"
_MACHINES: Final = {"x86_64": "amd64", "aarch64": "arm64"}


class Image(NamedTuple):
    """What is to be imported: an archive, the name that it gets, and what it starts as."""

    archive: Path
    name: str
    digest: str

    @property
    def pinned(self) -> str:
        """Its name with its digest, as the chart wants it."""
        return f"{self.name}@{self.digest}"


class Content(NamedTuple):
    """What is in an image: files and folders by their paths there, and what is to run how."""

    paths: Mapping[str, Path]
    texts: Mapping[str, str] = {}
    entrypoint: Sequence[str] = ()
    environment: Mapping[str, str] = {}
    skipped: re.Pattern[str] = re.compile(r"(?!)")


def write_image(folder: Path, name: str, content: Content) -> Image:
    """Write an image with one layer into a folder."""
    title = name.rpartition("/")[2]
    layer = folder / f"{title}.layer"
    _write_layer(layer, content)
    with layer.open("rb") as file:
        of_layer = f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
    config = _encode(_config(content, of_layer))
    manifest = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": _describe(_CONFIG, config),
        "layers": [{"mediaType": _LAYER, "digest": of_layer, "size": layer.stat().st_size}],
    }
    encoded = _encode(manifest)
    described = _describe(_MANIFEST, encoded)
    image = Image(folder / f"{title}.tar", name, described["digest"])
    described["annotations"] = {_NAME: image.pinned}
    index = {"schemaVersion": 2, "mediaType": _INDEX, "manifests": [described]}
    with tarfile.open(image.archive, "w") as tar:
        _add(tar, "oci-layout", _encode({"imageLayoutVersion": "1.0.0"}))
        _add(tar, "index.json", _encode(index))
        for blob in (config, encoded):
            _add(tar, _blob_path(_digest(blob)), blob)
        tar.add(layer, _blob_path(of_layer))
    layer.unlink()
    return image


def _write_layer(path: Path, content: Content) -> None:
    def choose(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
        if content.skipped.fullmatch(Path(member.name).name):
            return None
        member.uid = member.gid = 0
        member.uname = member.gname = ""
        # Whoever the pod runs as is to read it; a checkout may be for its owner alone.
        member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
        return member

    with tarfile.open(path, "w", dereference=True) as tar:
        for name, source in content.paths.items():
            tar.add(source, name.lstrip("/"), filter=choose)
        for name, text in content.texts.items():
            _add(tar, name.lstrip("/"), text.encode(), 0o755)


def _config(content: Content, layer: str) -> dict[str, Any]:
    environment = [f"{name}={value}" for name, value in content.environment.items()]
    return {
        "architecture": _MACHINES[platform.machine()],
        "os": "linux",
        "config": {"Entrypoint": list(content.entrypoint), "Env": environment},
        "rootfs": {"type": "layers", "diff_ids": [layer]},
    }


def _add(tar: tarfile.TarFile, name: str, data: bytes, mode: int = 0o644) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(data), mode
    tar.addfile(member, BytesIO(data))


def _describe(kind: str, data: bytes) -> dict[str, Any]:
    return {"mediaType": kind, "digest": _digest(data), "size": len(data)}


def _encode(value: object) -> bytes:
    return json.dumps(value).encode()


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _blob_path(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"
