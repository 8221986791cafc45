"""Finds what lies beside an image in its registry: referrers, and the tags that cosign 2 wrote.

What a list or an annotation says is a hint by whoever may push; only bytes held to a digest, and
in the end signatures, count.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final, Protocol, TypeVar

import msgspec

from revet.adapters.registry.client import Descriptor
from revet.adapters.registry.error import RegistryError
from revet.verify.allowance import Allowance
from revet.verify.candidate import MEDIA_TYPES, Candidate
from revet.verify.error import SignatureError
from revet.verify.evidence import Flaw

#: As many referrers, layers of a tag and platforms of an index are looked at.
MOST: Final = 100
MOST_PLATFORMS: Final = 32
_TAGS: Final = ("sig", "att")
_AT_ONCE: Final = 8
_DEEPEST: Final = 2
_INDEX_TYPES: Final = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
_BUILDKIT: Final = ("vnd.docker.reference.type", "attestation-manifest")

T = TypeVar("T")


class Source(Protocol):
    """A registry client: what it returns is held to its digest, and all it raises says who."""

    async def resolve(self, reference: str) -> str:
        """Return the digest that a reference stands for."""

    async def manifest(self, reference: str) -> bytes:
        """Return a manifest or index."""

    async def blob(self, repository: str, digest: str, most_bytes: int) -> bytes:
        """Return a blob that is not larger."""

    async def referrers(self, repository: str, digest: str) -> list[Descriptor]:
        """Return what refers to a manifest."""


class _Layer(msgspec.Struct, rename="camel"):
    media_type: str = ""
    digest: str = ""
    size: int = 0
    annotations: dict[str, str] | None = None


class _Subject(msgspec.Struct):
    digest: str = ""


class _Manifest(msgspec.Struct, rename="camel"):
    layers: list[_Layer] = []
    subject: _Subject | None = None


class _Platform(msgspec.Struct):
    os: str = ""
    architecture: str = ""
    variant: str = ""


class _Child(msgspec.Struct, rename="camel"):
    digest: str
    media_type: str = ""
    platform: _Platform | None = None
    annotations: dict[str, str] | None = None


class _Index(msgspec.Struct):
    manifests: list[_Child] | None = None


@dataclass
class Found:
    """What lies beside an image, what of it is of no use, and what was not handed over."""

    candidates: list[Candidate] = field(default_factory=list)
    flaws: list[Flaw] = field(default_factory=list)
    unread: list[Flaw] = field(default_factory=list)


class Discovery:
    """Looks beside one image."""

    def __init__(self, source: Source, repository: str, digest: str, allowance: Allowance) -> None:
        """Look in a repository (`HOST/PATH`) beside a digest; hold no more than is allowed."""
        self._allowance = allowance
        self._source = source
        self._repository = repository
        self._digest = digest
        self._turn = asyncio.Semaphore(_AT_ONCE)
        self._found = Found()

    async def run(self) -> Found:
        """Find all that there is; a failure of the registry is told, and is not the end."""
        await asyncio.gather(self._read_referrers(), *map(self._read_tag, _TAGS))
        self._found.candidates.sort(key=lambda each: each.place)
        return self._found

    async def _read_referrers(self) -> None:
        place = "the list of referrers"
        listed = await self._ask(
            place, lambda: self._source.referrers(self._repository, self._digest)
        )
        unique = {each.digest: each for each in listed or ()}
        await self._each(place, list(unique), self._read_referrer)

    async def _read_referrer(self, digest: str) -> None:
        place = f"referrer {digest}"
        raw = await self._ask(place, lambda: self._source.manifest(f"{self._repository}@{digest}"))
        if raw is None:
            return
        manifest = self._decode(place, raw)
        if manifest is None:
            return
        if manifest.subject is None or manifest.subject.digest != self._digest:
            self._found.flaws.append(Flaw(place, "refers to another image"))
            return
        await self._read_layers(place, manifest.layers)

    async def _read_tag(self, suffix: str) -> None:
        tag = f"{self._digest.replace(':', '-')}.{suffix}"
        place = f"tag .{suffix}"
        raw = await self._ask(place, lambda: self._source.manifest(f"{self._repository}:{tag}"))
        manifest = self._decode(place, raw) if raw is not None else None
        if manifest is not None:
            await self._read_layers(place, manifest.layers)

    async def _read_layers(self, place: str, layers: Sequence[_Layer]) -> None:
        read = [each for each in layers if each.media_type in MEDIA_TYPES]
        numbered = list(enumerate(read, start=1))

        async def read_layer(item: tuple[int, _Layer]) -> None:
            number, layer = item
            name = place if len(read) == 1 else f"{place}, layer {number}"
            problem = self._allowance.take(layer.size)
            if problem:
                self._found.unread.append(Flaw(name, problem))
                return
            at = (self._repository, layer.digest, layer.size)
            raw = await self._ask(name, lambda: self._source.blob(*at))
            if raw is not None:
                candidate = Candidate(name, layer.media_type, raw, layer.annotations or {})
                self._found.candidates.append(candidate)

        await self._each(place, numbered, read_layer)

    async def _each(
        self, place: str, items: Sequence[T], read: Callable[[T], Awaitable[None]]
    ) -> None:
        if len(items) > MOST:
            text = f"has {len(items)} items, and {MOST} are looked at"
            self._found.unread.append(Flaw(place, text))
        await asyncio.gather(*(read(each) for each in items[:MOST]))

    async def _ask(self, place: str, ask: Callable[[], Awaitable[T]]) -> T | None:
        """Ask the registry; None where there is nothing, or it did not hand it over."""
        try:
            async with self._turn:
                return await ask()
        except RegistryError as error:
            if error.status != HTTPStatus.NOT_FOUND or place.startswith("referrer "):
                self._found.unread.append(Flaw(place, str(error)))
            return None

    def _decode(self, place: str, raw: bytes) -> _Manifest | None:
        try:
            return msgspec.json.decode(raw, type=_Manifest)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            self._found.flaws.append(Flaw(place, f"is no manifest: {error}"))
            return None


async def list_platforms(source: Source, repository: str, digest: str) -> list[tuple[str, str]]:
    """List the platforms of an index, as (name, digest); an image by itself is its only one.

    Raises:
        RegistryError: it can't be told.
        SignatureError: it is too large, or nested too deeply, to be gone through.

    """
    found: dict[str, str] = {}
    await _add_platforms(source, repository, digest, found, "")
    if not found:
        raise SignatureError(f"{digest} is an index without platforms")
    return [(name, each) for each, name in found.items()]


async def _add_platforms(
    source: Source, repository: str, digest: str, found: dict[str, str], name: str, depth: int = 0
) -> None:
    try:
        index = msgspec.json.decode(await source.manifest(f"{repository}@{digest}"), type=_Index)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SignatureError(f"{digest} is no image manifest: {error}") from error
    if index.manifests is None:
        found[digest] = name or "the image"
        return
    if depth >= _DEEPEST:
        raise SignatureError(f"{digest} is an index nested deeper than {_DEEPEST} levels")
    for child in index.manifests:
        if _is_attestation(child):
            continue
        label = _label(child)
        if child.media_type in _INDEX_TYPES:
            await _add_platforms(source, repository, child.digest, found, label, depth + 1)
        else:
            found[child.digest] = label
        if len(found) > MOST_PLATFORMS:
            raise SignatureError(f"{digest} has more than {MOST_PLATFORMS} platforms")


def _is_attestation(child: _Child) -> bool:
    """Return whether it is what BuildKit puts beside a platform, which runs nowhere."""
    name, value = _BUILDKIT
    return (child.annotations or {}).get(name) == value and _label(child) == "unknown/unknown"


def _label(child: _Child) -> str:
    platform = child.platform or _Platform()
    parts = (platform.os or "unknown", platform.architecture or "unknown", platform.variant)
    return "/".join(filter(None, parts))
