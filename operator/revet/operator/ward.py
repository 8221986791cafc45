"""Knows which pods are in quarantine, and whether other people's NetworkPolicies open them still.

By a watch of their label alone; while there are some, NetworkPolicies around them are listed each
minute.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from revet.adapters.events import Notice, Recorder
from revet.adapters.kube import Collection, KubeError
from revet.adapters.objects import path_of
from revet.adapters.watcher import Freshness
from revet.adapters.watches import Opened, Watches
from revet.core.model.meta import QUARANTINE_LABEL, Manifest
from revet.core.model.pod import OwnerReference
from revet.core.network.openings import find_openings
from revet.core.runtime.quarantine import read_note
from revet.operator.context import Context

_EVERY_S: Final = 60.0
_KIND: Final = "Pod"
_MOST_NAMED: Final = 3


@dataclass(slots=True)
class _Held:
    uid: str
    namespace: str
    name: str
    labels: Mapping[str, str]
    policy: str
    openings: tuple[str, ...] = ()


class Ward:
    """The pods in quarantine."""

    def __init__(self, context: Context, recorder: Recorder) -> None:
        """Set up; nothing is watched."""
        self._context = context
        self._recorder = recorder
        self._held: dict[tuple[str, str], _Held] = {}
        self._changed: set[str] = set()
        self._news = asyncio.Event()
        self._watches = Watches(self._open, lambda _: self.replace(()), context.log.complain)

    def want(self, *, is_wanted: bool) -> None:
        """Say whether any policy puts pods in quarantine."""
        self._watches.want((_KIND,) if is_wanted else ())

    async def run(self) -> None:
        """Watch, and look around what is held, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._watches.run(self._context.kube))
            tasks.create_task(self._look_around())

    def take_changes(self) -> set[str]:
        """Return the policies of which something else is to be said than when last asked."""
        changed, self._changed = self._changed, set()
        return changed

    def words(self, policy: str) -> str:
        """Say which pods a policy has in quarantine; empty where there are none."""
        held = sorted(
            (each for each in self._held.values() if each.policy == policy),
            key=lambda each: (not each.openings, each.namespace, each.name),
        )
        words = [_word(each) for each in held[:_MOST_NAMED]]
        if len(held) > _MOST_NAMED:
            words.append(f"{len(held) - _MOST_NAMED} more")
        return ", ".join(words)

    def replace(self, objects: Sequence[bytes]) -> None:
        """Take these pods for all there are."""
        self._changed.update(each.policy for each in self._held.values())
        before, self._held = self._held, {}
        for data in objects:
            self.put(data)
        for place, each in self._held.items():
            if place in before and before[place].uid == each.uid:
                each.openings = before[place].openings

    def put(self, data: bytes) -> None:
        """Take a pod that is new or has changed."""
        pod: Manifest = msgspec.json.decode(data)
        metadata = pod["metadata"]
        note = read_note(pod)
        place = (metadata["namespace"], metadata["name"])
        before = self._held.get(place)
        self._held[place] = held = _Held(
            metadata["uid"],
            *place,
            metadata.get("labels") or {},
            note.policy if note is not None else "",
        )
        if before is None or (before.uid, before.labels) != (held.uid, held.labels):
            self._changed.add(held.policy)
            self._news.set()
        else:
            held.openings = before.openings

    def drop(self, data: bytes) -> None:
        """Forget a pod that is gone, or has been released."""
        metadata = msgspec.json.decode(data)["metadata"]
        held = self._held.pop((metadata["namespace"], metadata["name"]), None)
        if held is not None:
            self._changed.add(held.policy)

    async def _look_around(self) -> None:
        while True:
            try:
                async with asyncio.timeout(_EVERY_S if self._held else None):
                    await self._news.wait()
            except TimeoutError:
                pass
            self._news.clear()
            for namespace in sorted({namespace for namespace, _ in self._held}):
                try:
                    await self._look_in(namespace)
                except KubeError as error:
                    self._context.log.complain(str(error))

    async def _look_in(self, namespace: str) -> None:
        policies = await self._context.objects.list("NetworkPolicy", namespace)
        for each in [each for each in self._held.values() if each.namespace == namespace]:
            openings = tuple(find_openings(each.labels, policies))
            if openings == each.openings:
                continue
            each.openings = openings
            self._changed.add(each.policy)
            if openings:
                about = OwnerReference("v1", _KIND, each.name, each.uid)
                note = f"Pod {_word(each)}: take that away, or leave pods in quarantine out of it"
                self._recorder.record(Notice(namespace, about, "QuarantineOpen", note))

    def _open(self, _: str) -> Opened:
        collection = Collection(path_of(_KIND), selector=QUARANTINE_LABEL, metadata_only=True)
        return Opened(collection, self, Freshness(asyncio.get_running_loop().time))


def _word(held: _Held) -> str:
    place = f"{held.namespace}/{held.name}"
    if not held.openings:
        return place
    named = ", ".join(held.openings[:_MOST_NAMED])
    return f"{place}, to which NetworkPolicy {named} still allows something"
