"""The registry client: manifests, blobs and referrers, each held to its digest.

https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, NewType, Self

import msgspec

from revet.adapters.registry.credentials import Anonymous, CredentialSource
from revet.adapters.registry.endpoints import Endpoints
from revet.adapters.registry.error import RegistryError
from revet.adapters.registry.manifest import (
    MANIFEST_TYPES,
    MOST_PARTS,
    OCI_INDEX,
    check_manifest,
    is_crowded,
)
from revet.adapters.registry.transport import REQUEST_S, Answer, Connections, Transport
from revet.core.image import canonical_name, is_digest, is_name, split_reference

#: `sha256:` or `sha512:` and lower-case hexadecimal digits.
Digest = NewType("Digest", str)

#: Registries should take 4 MiB (the specification), and none that we know takes more.
MOST_MANIFEST_BYTES: Final = 4 * 1024 * 1024
MOST_BLOB_BYTES: Final = 16 * 1024 * 1024
MOST_REFERRERS: Final = 1000
_MOST_PAGES: Final = 20

_TAG: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_NEXT: Final = re.compile(r'<([^<>]+)>\s*;\s*rel="?next"?')
_ANY: Final = "*/*"


class Descriptor(msgspec.Struct, frozen=True, rename="camel"):
    """What a list says of a manifest. Of all this only the digest is held to anything."""

    media_type: str
    digest: str
    size: int
    artifact_type: str = ""
    annotations: Mapping[str, str] | None = None


class _Index(msgspec.Struct, rename="camel"):
    manifests: tuple[Descriptor, ...] | None = None


@dataclass(frozen=True, slots=True)
class _Place:
    """A reference in the parts that a registry's API wants."""

    host: str
    repository: str
    tag: str
    digest: str


class Registry:
    """Reads from registries; each method raises RegistryError, which names the registry."""

    def __init__(self, endpoints: Endpoints, transport: Transport) -> None:
        """Ask only whom `endpoints` names. `connect` makes one."""
        self._endpoints = endpoints
        self._transport = transport

    @classmethod
    def connect(
        cls,
        endpoints: Endpoints,
        clock: Callable[[], float],
        credentials: CredentialSource | None = None,
        timeout_s: float = REQUEST_S,
    ) -> Self:
        """Make one, in a running loop; `clock` is the loop's, `timeout_s` for one request."""
        connections = Connections(endpoints, timeout_s)
        transport = Transport(endpoints, connections, credentials or Anonymous(), clock)
        return cls(endpoints, transport)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        await self._transport.close()

    def logged_in_as(self, credentials: CredentialSource) -> "Registry":
        """Return one that shares the connections, which this one closes, and not the logins."""
        return Registry(self._endpoints, self._transport.logged_in_as(credentials))

    async def resolve(self, reference: str) -> Digest:
        """Return the digest that a reference stands for: its own, else that of its tag's manifest.

        Raises:
            RegistryError: it can't be told; status 404 where there is no such image.

        """
        place = _parse(reference)
        if place.digest:
            return Digest(place.digest)
        # Computed from the bytes: what a header says of them proves nothing.
        return _digest(await self._manifest(place), "sha256")

    async def manifest(self, reference: str) -> bytes:
        """Return the manifest, or index, that a reference names; by digest, held to that.

        Raises:
            RegistryError: it can't be had; status 404 where there is none.

        """
        return await self._manifest(_parse(reference))

    async def blob(self, repository: str, digest: str, most_bytes: int = MOST_BLOB_BYTES) -> bytes:
        """Return a blob of a repository (`HOST/PATH`), held to its digest.

        Raises:
            RegistryError: it can't be had.

        """
        place = _parse(f"{repository}@{digest}")
        path = f"blobs/{place.digest}"

        def check(answer: Answer, host: str) -> None:
            _hold(host, answer.body, place.digest)

        return (await self._get(place, path, _ANY, most_bytes, check)).body

    async def referrers(
        self, repository: str, digest: str, artifact_type: str | None = None
    ) -> list[Descriptor]:
        """Return what refers to a manifest of a repository (`HOST/PATH`), at most 1,000.

        By the referrers API; where that has none, by the tag that stands in for it. What a
        descriptor says is a hint: registries write other artifact types than were pushed.

        Raises:
            RegistryError: it can't be told.

        """
        place = _parse(f"{repository}@{digest}")
        found = await self._referrers(place) or await self._fallback(place)
        return [each for each in found if artifact_type in {None, each.artifact_type}]

    async def _referrers(self, place: _Place) -> list[Descriptor]:
        path = f"referrers/{place.digest}"
        found: list[Descriptor] = []
        for _ in range(_MOST_PAGES):
            try:
                answer = await self._get(place, path, OCI_INDEX, MOST_MANIFEST_BYTES, _no_check)
            except RegistryError as error:
                if error.status == HTTPStatus.NOT_FOUND and not found:
                    return []
                raise
            if answer.media_type != OCI_INDEX:
                return []  # some answer every path with a page of theirs
            found += _descriptors(place.host, answer.body)
            _refuse_too_many(place.host, found)
            path = _following(answer.link, place)
            if not path:
                return found
        raise RegistryError(place.host, 0, "has a list of referrers that does not end")

    async def _fallback(self, place: _Place) -> list[Descriptor]:
        tag = place.digest.replace(":", "-")[:128]
        try:
            body = await self._manifest(_Place(place.host, place.repository, tag, ""))
        except RegistryError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return []
            raise
        found = list(_descriptors(place.host, body))
        _refuse_too_many(place.host, found)
        return found

    async def _manifest(self, place: _Place) -> bytes:
        path = f"manifests/{place.digest or place.tag}"

        def check(answer: Answer, host: str) -> None:
            if place.digest:
                _hold(host, answer.body, place.digest)
            check_manifest(host, answer.body, answer.media_type)

        answer = await self._get(place, path, MANIFEST_TYPES, MOST_MANIFEST_BYTES, check)
        return answer.body

    async def _get(
        self,
        place: _Place,
        path: str,
        accept: str,
        most_bytes: int,
        check: Callable[[Answer, str], None],
    ) -> Answer:
        """Ask the mirrors, then the registry itself; its own failure is what is told."""
        *mirrors, last = self._endpoints.order(place.host)
        for host in mirrors:
            try:
                answer = await self._transport.get(
                    host, place.repository, path, accept=accept, most_bytes=most_bytes
                )
                check(answer, host)
            except RegistryError:
                continue
            return answer
        answer = await self._transport.get(
            last, place.repository, path, accept=accept, most_bytes=most_bytes
        )
        check(answer, last)
        return answer


def _parse(reference: str) -> _Place:
    name, parts = canonical_name(reference), split_reference(reference)
    host, _, repository = name.partition("/")
    host = host.lower()
    is_sound = (
        is_name(name)
        and (not parts.tag or _TAG.fullmatch(parts.tag))
        and (is_digest(parts.digest) if parts.digest else "@" not in reference)
    )
    if not is_sound:
        raise RegistryError(host, 0, f"{reference[:512]!r} is no image reference")
    return _Place(host, repository, parts.tag or "latest", parts.digest)


def _digest(body: bytes, algorithm: str) -> Digest:
    return Digest(f"{algorithm}:{hashlib.new(algorithm, body).hexdigest()}")


def _hold(host: str, body: bytes, digest: str) -> None:
    if _digest(body, digest.partition(":")[0]) != digest:
        raise RegistryError(host, 0, f"answered other bytes than those of {digest}")


def _descriptors(host: str, body: bytes) -> tuple[Descriptor, ...]:
    if is_crowded(body):
        raise RegistryError(host, 0, f"lists referrers in more than {MOST_PARTS} parts")
    try:
        index = msgspec.json.decode(body, type=_Index)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RegistryError(host, 0, "lists referrers in a form that can't be read") from error
    found = index.manifests or ()
    if not all(is_digest(each.digest) for each in found):
        raise RegistryError(host, 0, "lists a referrer by what is no digest")
    return found


def _refuse_too_many(host: str, found: list[Descriptor]) -> None:
    if len(found) > MOST_REFERRERS:
        raise RegistryError(host, 0, f"lists more than {MOST_REFERRERS} referrers")


def _following(link: str, place: _Place) -> str:
    """Return the path of a list's next page, below the repository; empty where it ends."""
    match = _NEXT.search(link)
    if match is None:
        return ""
    # Only its path and query count: whatever host it names, we go on where we are.
    path, _, query = match[1].partition("?")
    _, _, rest = path.partition(f"/v2/{place.repository}/")
    if rest != f"referrers/{place.digest}":
        raise RegistryError(place.host, 0, "continues a list of referrers elsewhere")
    return f"{rest}?{query}"


def _no_check(answer: Answer, host: str) -> None:
    """Accept it: a list of referrers has no digest."""
