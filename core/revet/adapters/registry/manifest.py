"""Whether bytes are an image's manifest or index, and which: the body and its label must agree.

Bytes that two programs read as two things are how a checked image becomes another one.
https://github.com/opencontainers/distribution-spec/security/advisories/GHSA-mc8v-mgrf-8f4m
"""

from typing import Final

import msgspec

from revet.adapters.registry.error import RegistryError

OCI_INDEX: Final = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
DOCKER_LIST: Final = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json"
_INDEXES: Final = (OCI_INDEX, DOCKER_LIST)
_MANIFESTS: Final = (OCI_MANIFEST, DOCKER_MANIFEST)
#: The Accept header: no other form has a digest over its own bytes.
MANIFEST_TYPES: Final = ", ".join((*_INDEXES, *_MANIFESTS))
_SCHEMA: Final = 2
#: An index of ten thousand images has half as many.
MOST_PARTS: Final = 200_000
_NULL: Final = msgspec.Raw(b"null")


class _Manifest(msgspec.Struct, rename="camel"):
    schema_version: int = 0
    media_type: str = ""
    manifests: msgspec.Raw = _NULL
    layers: msgspec.Raw = _NULL
    config: msgspec.Raw = _NULL


def is_crowded(body: bytes) -> bool:
    """Return whether it has so many parts that they take far more memory than it has bytes."""
    return sum(map(body.count, (b",", b"{", b":"))) > MOST_PARTS


def check_manifest(host: str, body: bytes, media_type: str) -> None:
    """Refuse what is neither a manifest nor an index, or could be taken for both.

    Raises:
        RegistryError: so it is.

    """
    if is_crowded(body):
        raise RegistryError(host, 0, f"answered a manifest of more than {MOST_PARTS} parts")
    try:
        manifest = msgspec.json.decode(body, type=_Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RegistryError(host, 0, "answered what is no image manifest") from error
    if manifest.schema_version != _SCHEMA:
        raise RegistryError(host, 0, "answered a manifest that is not of schema version 2")
    is_index = bytes(manifest.manifests) != b"null"
    is_manifest = not bytes(manifest.layers) == bytes(manifest.config) == b"null"
    lists = (manifest.manifests, manifest.layers)
    if not all(bytes(each)[:1] in {b"n", b"["} for each in lists):
        raise RegistryError(host, 0, "answered what is no image manifest")
    if is_index == is_manifest:
        raise RegistryError(host, 0, "answered what is neither clearly a manifest nor an index")
    allowed = _INDEXES if is_index else _MANIFESTS
    told = manifest.media_type or media_type
    if media_type not in allowed or told != media_type:
        kind = "an index" if is_index else "a manifest"
        raise RegistryError(host, 0, f"answered {kind}, and calls it {media_type} and {told}")
