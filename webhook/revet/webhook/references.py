"""The ConfigMaps and Secrets that policies refer to, in Revet's own namespace, followed by watches.

One watch for each object, by its name: the right to read it can then be given for it alone.
"""

import asyncio
from base64 import b64decode
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from revet.adapters.kube import Collection, Kube
from revet.adapters.watcher import Copy, Freshness, Watcher

CONFIG_MAP: Final = "ConfigMap"
SECRET: Final = "Secret"  # noqa: S105 -- a kind's name
_PLURALS: Final = {CONFIG_MAP: "configmaps", SECRET: "secrets"}

Data = Mapping[str, bytes]


class Reference(NamedTuple):
    """An object by kind and name."""

    kind: str
    name: str


class _Object(msgspec.Struct, rename="camel"):
    data: dict[str, str] | None = None
    binary_data: dict[str, str] | None = None


def read_data(kind: str, manifest: bytes) -> Data:
    """Return what a ConfigMap or a Secret holds, as the API server tells it."""
    read = msgspec.json.decode(manifest, type=_Object)
    texts, encoded = (read.data or {}), (read.binary_data or {})
    if kind == SECRET:
        texts, encoded = {}, texts
    return {
        **{key: text.encode() for key, text in texts.items()},
        **{key: b64decode(text) for key, text in encoded.items()},
    }


class _ObjectCopy:
    """One object, as a watch tells of it."""

    def __init__(self, kind: str, changed: Callable[[], None]) -> None:
        self._kind = kind
        self._changed = changed
        self.data: Data | None = None

    def replace(self, objects: Sequence[bytes]) -> None:
        self.data = read_data(self._kind, objects[0]) if objects else None
        self._changed()

    def put(self, data: bytes) -> None:
        self.data = read_data(self._kind, data)
        self._changed()

    def drop(self, data: bytes) -> None:  # noqa: ARG002 -- it is the only one
        self.data = None
        self._changed()


class References:
    """What the objects hold that are wanted at the moment."""

    def __init__(
        self, namespace: str, complain: Callable[[str], None], clock: Callable[[], float]
    ) -> None:
        """Follow objects of `namespace`; `complain` is told what can't be read."""
        self.namespace = namespace
        self._complain = complain
        self._clock = clock
        #: Called where an object is there, is another or is gone.
        self.tell: Callable[[], None] = lambda: None
        self._wanted: frozenset[Reference] = frozenset()
        self._wishes = asyncio.Event()
        self._news = asyncio.Event()
        self._copies: dict[Reference, tuple[_ObjectCopy, Freshness]] = {}

    def want(self, references: Iterable[Reference]) -> None:
        """Say which objects are needed from now on."""
        wanted = frozenset(references)
        if wanted != self._wanted:
            self._wanted = wanted
            self._wishes.set()

    async def seen(self, references: Iterable[Reference]) -> None:
        """Wait until all of them were looked for once."""
        wanted = list(references)
        while self.unseen(wanted):
            await self._news.wait()

    def unseen(self, references: Iterable[Reference]) -> list[Reference]:
        """Return those that were not looked for yet, or may not be read."""
        return [each for each in references if not self._is_synced(each)]

    def find(self, reference: Reference) -> Data | None:
        """Return what an object holds; None where there is none, or it was not looked for yet."""
        known = self._copies.get(reference)
        return known[0].data if known is not None else None

    def describe(self, reference: Reference) -> str:
        """Name an object for people."""
        return f"{reference.kind} {self.namespace}/{reference.name}"

    async def run(self, kube: Kube) -> None:
        """Watch what is wanted, until cancelled."""
        running: dict[Reference, asyncio.Task[None]] = {}
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._wishes.clear()
                for reference in running.keys() - self._wanted:
                    running.pop(reference).cancel()
                    del self._copies[reference]
                for reference in sorted(self._wanted - running.keys()):
                    copy, freshness = self.open(reference)
                    collection = Collection(
                        f"/api/v1/namespaces/{self.namespace}/{_PLURALS[reference.kind]}",
                        fields=f"metadata.name={reference.name}",
                    )
                    watcher = Watcher(kube, collection, copy, freshness, self._complain)
                    running[reference] = tasks.create_task(watcher.run())
                await self._wishes.wait()

    def open(self, reference: Reference) -> tuple[Copy, Freshness]:
        """Begin to follow an object; return what its watch feeds."""
        opened = _ObjectCopy(reference.kind, self._tell), Freshness(self._clock)
        self._copies[reference] = opened
        return opened

    def _is_synced(self, reference: Reference) -> bool:
        known = self._copies.get(reference)
        return known is not None and known[1].is_synced

    def _tell(self) -> None:
        # After the watcher has marked that it heard: who waits looks at that.
        asyncio.get_running_loop().call_soon(self._wake)

    def _wake(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()
        self.tell()
