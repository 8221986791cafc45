"""Watches what NetworkPolicies depend on, from when the first policy asks for some.

Pods by their labels and tokens, Services, Ingresses, bindings, whom the API server calls, and other
people's NetworkPolicies; of each just the fields that are read.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Final

import msgspec

from revet.adapters.kube import Collection, Kube
from revet.adapters.objects import path_of
from revet.adapters.watcher import Freshness, Watcher
from revet.core.errors import ManifestError
from revet.core.model.meta import MANAGED_SELECTOR, Manifest
from revet.core.network.facts import ClusterFacts, NamespaceFacts
from revet.core.network.records import RECORDS, read_record
from revet.core.network.survey import EVERYWHERE, KINDS, Survey
from revet.core.plan import identify
from revet.operator.feeds import LATE, Feeds, Reading
from revet.operator.picture import Key, Picture

_POD: Final = "Pod"
_CILIUM: Final = "CiliumNetworkPolicy"
_REFUSED_S: Final = 60.0  # nothing is isolated meanwhile
_SETTLE_S: Final = 0.2  # changes come in bursts
_AT_ONCE: Final = 25


class Surveyor:
    """The facts of the cluster, kept true by watches."""

    def __init__(
        self,
        kube: Kube,
        feeds: Feeds,
        system: frozenset[str],
        clock: Callable[[], float],
        complain: Callable[[str], None],
    ) -> None:
        """Set up; nothing is watched yet."""
        self.name = "survey"
        self._kube = kube
        self._feeds = feeds
        self._clock = clock
        self._complain = complain
        self._news = asyncio.Event()
        self._facts: dict[str, NamespaceFacts] = {}
        self._cluster = ClusterFacts()
        self._most_listed = asyncio.Event()
        self._pods_listed = asyncio.Event()
        #: Called when what is late was listed, with the namespaces of which other facts are known.
        self.tell_listed: Callable[[list[str]], None] = lambda _: None
        #: What was not listed yet, as of the last news.
        self._lacking = frozenset[str](KINDS)
        self._cilium: _OwnCopy | None = None
        self.survey = Survey(system, self._is_listed)

    def want(self) -> None:
        """Have it all watched from now on."""
        self._feeds.want(self, KINDS)

    def unlisted(self) -> list[str]:
        """Return the kinds that were not listed yet."""
        return [kind for kind in KINDS if not self._is_listed(kind)]

    def is_refused(self) -> bool:
        """Tell whether one of them may not be read."""
        return any(map(self._feeds.is_refused, self.unlisted()))

    async def wait(self, at_most_s: float) -> list[str]:
        """Wait until everything but what is late was listed; return what was not."""
        self.want()
        with suppress(TimeoutError):
            async with asyncio.timeout(at_most_s):
                await self._most_listed.wait()
        return [kind for kind in self.unlisted() if kind not in LATE]

    def depends_on_pods(self, namespace: str) -> bool:
        """Tell whether what is written in a namespace may depend on its pods."""
        return self.survey.depends_on_pods(namespace)

    def has_pods(self) -> bool:
        """Tell whether pods are known; if not, have them listed now."""
        self._feeds.hurry()
        return self._pods_listed.is_set()

    async def wait_for_pods(self, until: float) -> bool:
        """Wait for the pods; tell whether they are known."""
        if not self.has_pods() and not self._feeds.is_refused(_POD):
            with suppress(TimeoutError):
                async with asyncio.timeout_at(until):
                    await self._pods_listed.wait()
        return self._pods_listed.is_set()

    def see_cilium(self, picture: Picture, touch: Callable[[Iterable[Key]], None]) -> None:
        """Take in, from now on, the CiliumNetworkPolicies of ours, where there are any at all."""
        self._cilium = _OwnCopy(picture, touch, self._note_cilium)

    @property
    def cluster(self) -> ClusterFacts:
        """What is the same in all namespaces."""
        if not self._cluster.system:
            self._cluster = self.survey.cluster()
        return self._cluster

    def facts(self, namespace: str) -> NamespaceFacts:
        """Return what is so in a namespace; it is told when that changes."""
        if namespace not in self._facts:
            self._facts[namespace] = self.survey.namespace(namespace)
        return self._facts[namespace]

    def forget(self, namespace: str) -> None:
        """Forget a namespace that is gone."""
        self._facts.pop(namespace, None)

    async def run(self, changed: Callable[[Iterable[str]], None]) -> None:
        """Watch until cancelled; `changed` is told of namespaces, an empty name being all."""
        cilium: asyncio.Task[None] | None = None
        async with asyncio.TaskGroup() as tasks:
            while True:
                await self._news.wait()
                await asyncio.sleep(_SETTLE_S)
                self._news.clear()
                if not self._most_listed.is_set():
                    continue
                self._hurry_where_needed()
                await self._compare(changed)
                serves = self.survey.serves_cilium
                if serves and cilium is None and self._cilium is not None:
                    cilium = tasks.create_task(self._watch_cilium(self._cilium).run())
                elif not serves and cilium is not None:
                    cilium.cancel()
                    cilium, self.survey.has_cilium = None, False
                    self._news.set()

    def read(self, kind: str) -> Reading:
        """Begin to keep a kind."""
        copy = _Copy(kind, self.survey, self._note_news, self._complain)
        return Reading(copy, _slimmer(kind), _REFUSED_S)

    async def _compare(self, changed: Callable[[Iterable[str]], None]) -> None:
        """Tell of the facts that are not what they were."""
        names, self.survey.changed = self.survey.changed, set()
        cluster = self.survey.cluster()
        if cluster != self._cluster:
            self._cluster = cluster
            changed([EVERYWHERE])
        everywhere = EVERYWHERE in names
        for number, name in enumerate(list(self._facts if everywhere else names)):
            before = self._facts.get(name)
            if before is not None:
                after = self.survey.namespace(name)
                if after != before:
                    self._facts[name] = after
                    changed([name])
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)

    def _hurry_where_needed(self) -> None:
        """Have pods listed now, where a role was just given to who had none."""
        if not self._pods_listed.is_set() and any(map(self.depends_on_pods, self._facts)):
            self._feeds.hurry()

    def _watch_cilium(self, copy: "_OwnCopy") -> Watcher:
        collection = Collection(path_of(_CILIUM), selector=MANAGED_SELECTOR)
        return Watcher(self._kube, collection, copy, Freshness(self._clock), self._complain)

    def _note_cilium(self) -> None:
        """Have them written, now that those which stand are known: else they would seem stale."""
        if not self.survey.has_cilium:
            self.survey.has_cilium = True
            self._cluster = self.survey.cluster()

    def _note_news(self) -> None:
        self._news.set()
        if not self._lacking:
            return
        before, self._lacking = self._lacking, frozenset(self.unlisted())
        if self._lacking <= LATE:
            self._most_listed.set()
            if self._lacking != before:
                self._make_anew()

    def _make_anew(self) -> None:
        """Go at once by what was just listed: nothing else tells that it was not known before."""
        changed: list[str] = []
        for name, before in list(self._facts.items()):
            self._facts[name] = self.survey.namespace(name)
            if self._facts[name] != before:
                changed.append(name)
        if _POD not in self._lacking:
            self._pods_listed.set()
        self.tell_listed(changed)

    def _is_listed(self, kind: str) -> bool:
        return self._feeds.is_listed(self, kind)


class _OwnCopy:
    """Our objects of a kind that need not be served, fed into the picture."""

    def __init__(
        self,
        picture: Picture,
        touch: Callable[[Iterable[Key]], None],
        listed: Callable[[], None],
    ) -> None:
        self._picture = picture
        self._touch = touch
        self._listed = listed

    def replace(self, objects: Sequence[bytes]) -> None:
        """Take these objects for all there are."""
        self._listed()
        there = {identify(each): each for each in map(_decode, objects)}
        for place, each in list(self._picture.objects.items()):
            if place[0] == _CILIUM and place not in there:
                self._see(each, gone=True)
        for each in there.values():
            self._see(each, gone=False)
        # Also where none stands: policies may ask for some.
        self._touch(Key("policy", name) for name in self._picture.policies)

    def put(self, data: bytes) -> None:
        """Take an object that is new or has changed."""
        self._see(_decode(data), gone=False)

    def drop(self, data: bytes) -> None:
        """Forget an object."""
        self._see(_decode(data), gone=True)

    def _see(self, manifest: Manifest, *, gone: bool) -> None:
        self._touch(self._picture.see_object(manifest, gone=gone))


def _decode(data: bytes) -> Manifest:
    manifest: Manifest = msgspec.json.decode(data)
    return {"apiVersion": "cilium.io/v2", "kind": _CILIUM, **manifest}


class _Copy:
    """The objects of one kind, fed into the survey."""

    def __init__(
        self,
        kind: str,
        survey: Survey,
        changed: Callable[[], None],
        complain: Callable[[str], None],
    ) -> None:
        self._kind = kind
        self._survey = survey
        self._changed = changed
        self._complain = complain

    def replace(self, objects: Sequence[bytes]) -> None:
        """Take these objects for all there are."""
        for problem in self._survey.replace(self._kind, objects):
            self._complain(f"an object can't be read, it counts as absent: {problem}")
        self._changed()

    def put(self, data: bytes) -> None:
        """Take an object that is new or has changed."""
        self._take(self._survey.put, data)

    def drop(self, data: bytes) -> None:
        """Forget an object."""
        self._take(self._survey.drop, data)

    def _take(self, take: Callable[[str, bytes], None], data: bytes) -> None:
        try:
            take(self._kind, data)
        except ManifestError as error:
            self._complain(f"an object can't be read, it counts as absent: {error}")
        self._changed()


def _slimmer(kind: str) -> Callable[[bytes], bytes]:
    """Return what keeps of an object just what is read of it."""
    if kind not in RECORDS:
        return bytes

    def slim(data: bytes) -> bytes:
        try:
            return msgspec.json.encode(read_record(kind, data))
        except ManifestError:
            return data  # whoever reads it says so

    return slim
