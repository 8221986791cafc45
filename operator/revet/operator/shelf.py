"""The objects that are judged, as little of each as any control reads, and that compressed.

So that a change of a policy or of a namespace is judged without asking the API server anything.
"""

import zlib
from collections.abc import Iterator
from typing import Final

import msgspec

from revet.core.ledger import Place
from revet.core.running import trim_status

_FAST: Final = 1
#: What no control reads but of a Pod, which images run; it changes all the time.
_STATUS: Final = "status"
_NOT_READ_METADATA: Final = (
    "managedFields",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "selfLink",
)
_LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"

_Fields = dict[str, msgspec.Raw]


class _Named(msgspec.Struct):
    name: str = ""
    namespace: str = ""


class _Object(msgspec.Struct):
    metadata: _Named


def pack(data: bytes) -> bytes:
    """Return an object without what no control reads, compressed."""
    return zlib.compress(_trim(data), _FAST)


def pack_pod(data: bytes) -> bytes:
    """Return a Pod in the same way, with what tells which images it runs."""
    status = msgspec.json.decode(data, type=_Fields).get(_STATUS)
    return zlib.compress(_trim(data, trim_status(status) if status else b""), _FAST)


def unpack(packed: bytes) -> bytes:
    """Return it as JSON."""
    return zlib.decompress(packed)


def _trim(data: bytes, status: bytes = b"") -> bytes:
    fields = msgspec.json.decode(data, type=_Fields)
    fields.pop(_STATUS, None)
    if status:
        fields[_STATUS] = msgspec.Raw(status)
    metadata = msgspec.json.decode(fields.get("metadata", b"{}"), type=_Fields)
    for name in _NOT_READ_METADATA:
        metadata.pop(name, None)
    if _LAST_APPLIED.encode() in bytes(metadata.get("annotations", b"")):
        kept = msgspec.json.decode(metadata["annotations"], type=dict[str, str])
        kept.pop(_LAST_APPLIED, None)
        metadata["annotations"] = msgspec.Raw(msgspec.json.encode(kept))
    fields["metadata"] = msgspec.Raw(msgspec.json.encode(metadata))
    return msgspec.json.encode(fields)


class Shelf:
    """Objects by namespace, kind and name."""

    def __init__(self) -> None:
        """Start empty."""
        self._objects: dict[str, dict[Place, bytes]] = {}

    def put(self, namespace: str, place: Place, packed: bytes) -> bool:
        """Take an object as it was packed; tell whether it is not what it was."""
        kept = self._objects.setdefault(namespace, {})
        if kept.get(place) == packed:
            return False
        kept[place] = packed
        return True

    def drop(self, namespace: str, place: Place) -> None:
        """Forget an object."""
        kept = self._objects.get(namespace, {})
        kept.pop(place, None)
        if not kept:
            self._objects.pop(namespace, None)

    def get(self, namespace: str, place: Place) -> bytes | None:
        """Return an object, None where there is none."""
        packed = self._objects.get(namespace, {}).get(place)
        return None if packed is None else unpack(packed)

    def places(self, namespace: str) -> list[Place]:
        """Return what there is in a namespace."""
        return list(self._objects.get(namespace, ()))

    def of_kind(self, kind: str) -> Iterator[tuple[str, Place]]:
        """Return all objects of a kind."""
        for namespace, kept in self._objects.items():
            yield from ((namespace, place) for place in kept if place[0] == kind)

    @property
    def namespaces(self) -> list[str]:
        """The namespaces in which there is something; an empty one for what is in none."""
        return list(self._objects)


def locate(kind: str, data: bytes) -> tuple[str, Place]:
    """Return where an object belongs: a Namespace is judged by whoever selects it."""
    metadata = msgspec.json.decode(data, type=_Object).metadata
    home = metadata.name if kind == "Namespace" else metadata.namespace
    return home, (kind, metadata.name)
