"""One watch of a collection for all who read it, each of whom keeps just its own part of an object.

The audit reads most of what NetworkPolicies depend on, too: two watches would have everything sent,
and every change parsed, twice.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from revet.adapters.kube import Collection, Kube
from revet.adapters.watcher import Copy, Freshness
from revet.adapters.watches import Opened, Watches
from revet.core.kinds import BESIDE, KINDS

_PAGE: Final = 100  # a pod, or a CustomResourceDefinition, may have more than a megabyte
#: There are so many pods, and each NetworkPolicy that we write comes back: what policies ask for is
#: written first, where it does not depend on them.
LATE: Final = frozenset({"NetworkPolicy", "Pod"})
_LATEST_S: Final = 30.0
_LENGTH: Final = 4  # bytes that say how long a part is
_ADMISSION: Final = "/apis/admissionregistration.k8s.io/v1"
_PATHS: Final = {
    **{kind.name: kind.path for kind in (*KINDS, *BESIDE)},
    # Of the API server alone.
    "EndpointSlice": "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices",
    "ValidatingWebhookConfiguration": f"{_ADMISSION}/validatingwebhookconfigurations",
    "MutatingWebhookConfiguration": f"{_ADMISSION}/mutatingwebhookconfigurations",
    "APIService": "/apis/apiregistration.k8s.io/v1/apiservices",
    "CustomResourceDefinition": "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
}


@dataclass(slots=True)
class Reading:
    """What a reader keeps of a kind: `trim` takes its part of an object, `copy` is fed with it.

    One that may not be read, or is not served, is asked for again after `refused_s`.
    """

    copy: Copy
    trim: Callable[[bytes], bytes]
    refused_s: float
    is_listed: bool = field(default=False, init=False)


class Reader(Protocol):
    """Somebody who reads kinds."""

    name: str

    def read(self, kind: str) -> Reading:
        """Begin to keep a kind."""
        ...


class _Feed(NamedTuple):
    """A kind, and the names of those who read it."""

    kind: str
    readers: tuple[str, ...]


class Feeds:
    """Watches what somebody reads, anew where another one comes to read it as well."""

    def __init__(
        self,
        clock: Callable[[], float],
        complain: Callable[[str], None],
        rest: Callable[[float], Awaitable[None]] | None = None,
    ) -> None:
        """Start without a watch; `rest` waits until nothing is to be written, for so long at most.

        Without it nothing is late.
        """
        self._clock = clock
        self._rest = rest
        self._late = LATE if rest is not None else frozenset[str]()
        self._late_wishes = asyncio.Event()
        self._watches = Watches[_Feed](self._open, self._close, complain)
        self._readers: dict[str, Reader] = {}
        self._wanted: dict[str, frozenset[str]] = {}
        self._readings: dict[tuple[str, str], Reading] = {}
        self._freshness: dict[str, Freshness] = {}

    def want(self, reader: Reader, kinds: Iterable[str]) -> None:
        """Say which kinds somebody reads from now on."""
        self._readers[reader.name] = reader
        self._wanted[reader.name] = frozenset(kinds)
        self._open_wanted()

    def hurry(self) -> None:
        """Have watched now what would be watched when there is time."""
        if self._late:
            self._late = frozenset()
            self._open_wanted()

    def is_listed(self, reader: Reader, kind: str) -> bool:
        """Tell whether a reader was given everything of a kind."""
        reading = self._readings.get((reader.name, kind))
        return reading is not None and reading.is_listed

    def is_refused(self, kind: str) -> bool:
        """Tell whether a kind may not be read, as of the last time."""
        return kind in self._freshness and self._freshness[kind].is_refused

    async def run(self, kube: Kube) -> None:
        """Watch what is wanted, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._watches.run(kube))
            if self._rest is not None:
                tasks.create_task(self._open_late(self._rest))

    async def _open_late(self, rest: Callable[[float], Awaitable[None]]) -> None:
        await self._late_wishes.wait()
        with suppress(TimeoutError):
            async with asyncio.timeout(_LATEST_S):
                await rest(_LATEST_S)
        self.hurry()

    def _open_wanted(self) -> None:
        kinds = frozenset[str]().union(*self._wanted.values())
        if kinds & self._late:
            self._late_wishes.set()
        self._watches.want(
            _Feed(kind, tuple(sorted(name for name, all_ in self._wanted.items() if kind in all_)))
            for kind in kinds - self._late
        )

    def _open(self, feed: _Feed) -> Opened:
        readings = [self._begin(name, feed.kind) for name in feed.readers]
        fan = _Fan(readings)
        fresh = self._freshness.setdefault(feed.kind, Freshness(self._clock))
        collection = Collection(_PATHS[feed.kind], page=_PAGE)
        refused_s = min(each.refused_s for each in readings)
        return Opened(collection, fan, fresh, trim=fan.trim, refused_s=refused_s)

    def _begin(self, reader: str, kind: str) -> Reading:
        place = (reader, kind)
        if place not in self._readings:
            self._readings[place] = self._readers[reader].read(kind)
        return self._readings[place]

    def _close(self, feed: _Feed) -> None:
        """Have those forget who read no more; others are given everything anew."""
        for name in feed.readers:
            if feed.kind not in self._wanted[name]:
                self._readings.pop((name, feed.kind)).copy.replace(())
        if not any(kind == feed.kind for _, kind in self._readings):
            del self._freshness[feed.kind]


class _Fan:
    """Hands to every reader its part; between the two they are one after the other."""

    def __init__(self, readings: Sequence[Reading]) -> None:
        self._readings = readings

    def trim(self, data: bytes) -> bytes:
        """Return the parts of an object, each behind its length."""
        parts = [each.trim(data) for each in self._readings]
        return b"".join(len(each).to_bytes(_LENGTH) + each for each in parts)

    def replace(self, objects: Sequence[bytes]) -> None:
        """Take these objects for all there are."""
        split = [_split(each) for each in objects]
        for index, reading in enumerate(self._readings):
            reading.is_listed = True
            reading.copy.replace([parts[index] for parts in split])

    def put(self, data: bytes) -> None:
        """Take an object that is new or has changed."""
        for reading, part in zip(self._readings, _split(data), strict=True):
            reading.copy.put(part)

    def drop(self, data: bytes) -> None:
        """Forget an object that was deleted: it comes whole."""
        for reading in self._readings:
            reading.copy.drop(data)


def _split(data: bytes) -> list[bytes]:
    parts: list[bytes] = []
    start = 0
    while start < len(data):
        end = start + _LENGTH + int.from_bytes(data[start : start + _LENGTH])
        parts.append(data[start + _LENGTH : end])
        start = end
    return parts
