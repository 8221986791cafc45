"""Keeps a copy of a collection: lists it, watches it, lists again when the watch has lost track."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, Protocol

import msgspec

from revet.adapters.kube import Collection, Kube, KubeError, WatchEvent

_BACKOFF_S: Final = (0.2, 0.5, 1.0, 2.0, 5.0)
#: Bookmarks come about once a minute; one that is half a minute late means a broken connection.
#: An API server that has just started skips the first one of what is quiet: that is watched anew.
_SILENCE_S: Final = 90.0


class _Meta(msgspec.Struct, rename="camel"):
    resource_version: str = ""


class _Object(msgspec.Struct):
    metadata: _Meta


class Copy(Protocol):
    """What a watcher feeds; each object comes as its JSON."""

    def replace(self, objects: Sequence[bytes]) -> None:
        """Take these objects for all there are."""

    def put(self, data: bytes) -> None:
        """Take an object that is new or has changed."""

    def drop(self, data: bytes) -> None:
        """Forget an object that was deleted."""


@dataclass(slots=True)
class Freshness:
    """When a watch last heard of the API server, on the clock of the event loop.

    `is_refused` says whether the collection may not be read, as of the last time; only known to who
    can do without it.
    """

    clock: Callable[[], float]
    heard_at: float | None = None
    is_refused: bool = False

    def mark(self) -> None:
        """Note that the API server has just been heard."""
        self.heard_at = self.clock()

    @property
    def is_synced(self) -> bool:
        """Whether everything was listed once."""
        return self.heard_at is not None

    @property
    def age_s(self) -> float:
        """Seconds since the API server was last heard; infinite before the first list."""
        return float("inf") if self.heard_at is None else self.clock() - self.heard_at


class _LostTrackError(Exception):
    """The version that we watch from is too old; the collection must be listed again."""


class Watcher:
    """Feeds a Copy with a collection, for ever."""

    def __init__(  # noqa: PLR0913 -- each is another thing that it is given
        self,
        kube: Kube,
        collection: Collection,
        copy: Copy,
        freshness: Freshness,
        complain: Callable[[str], None],
        *,
        trim: Callable[[bytes], bytes] = bytes,
        refused_s: float | None = None,
    ) -> None:
        """Set up; `complain` is told of each failure, in words.

        `trim` takes from each object, as it arrives, what the copy does not read. Who can do
        without the collection gives `refused_s`: one that is not served has no objects, and where
        it may not be read that is asked again after so many seconds only.
        """
        self._kube = kube
        self._collection = collection
        self._copy = copy
        self._freshness = freshness
        self._complain = complain
        self._trim = trim
        self._refused_s = refused_s
        #: What has been taken in; empty where everything must be listed again.
        self._version = ""
        self._failures = 0

    async def run(self) -> None:
        """List and watch until cancelled."""
        while True:
            try:
                if not self._version:
                    await self._list()
                await self._watch()
            except _LostTrackError:
                self._version = ""
                self._failures += 1
            except KubeError as error:
                if error.status == HTTPStatus.GONE:
                    self._version = ""
                self._failures += 1
                if await self._is_done_without(error):
                    continue
                self._complain(str(error))
            # Also after an end in good order: a server that hangs up at once must not be hammered.
            await asyncio.sleep(_BACKOFF_S[min(self._failures, len(_BACKOFF_S) - 1)])

    async def _is_done_without(self, error: KubeError) -> bool:
        """Wait, where a collection that we can do without is not to be had; tell whether so."""
        refused = error.status in {HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN}
        if self._refused_s is None or not refused:
            return False
        self._version = ""
        self._freshness.is_refused = error.status == HTTPStatus.FORBIDDEN
        if self._freshness.is_refused:
            self._complain(str(error))
        else:
            self._copy.replace(())
            self._freshness.mark()
        await asyncio.sleep(self._refused_s)
        return True

    async def _list(self) -> None:
        objects, self._version = await self._kube.list(self._collection, self._trim)
        self._copy.replace(objects)
        self._freshness.mark()
        self._freshness.is_refused = False

    async def _watch(self) -> None:
        # A server that takes up the watch from our version has nothing newer that it did not say.
        heard = self._freshness.mark
        async for event in self._kube.watch(self._collection, self._version, _SILENCE_S, heard):
            # Kept at once: after a break the old versions must not come by a second time.
            self._version = self._take(event) or self._version
            self._failures = 0
            self._freshness.mark()

    def _take(self, event: WatchEvent) -> str:
        data = bytes(event.object)
        match event.type:
            case "ADDED" | "MODIFIED":
                self._copy.put(self._trim(data))
            case "DELETED":
                self._copy.drop(data)
            case "BOOKMARK":
                pass
            case _:  # ERROR: nearly always 410 Gone
                raise _LostTrackError
        return msgspec.json.decode(data, type=_Object).metadata.resource_version
