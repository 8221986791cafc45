"""What the ingest knows of the cluster: policies, namespaces, pods and who runs them, from watches.

Apart from the pipeline, which is pure: these take the API's bytes.
"""

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from revet.adapters.kube import Collection, Kube
from revet.adapters.watcher import Copy, Freshness, Watcher
from revet.core.errors import ManifestError, PolicyError
from revet.core.model.pod import ObjectMeta
from revet.core.model.policy import parse_policy
from revet.core.model.selector import Labels
from revet.core.runtime.match import WatchingPolicy
from revet.core.runtime.pipeline import Pipeline
from revet.core.runtime.pods import read_pod

POLICIES: Final = Collection("/apis/revet.dev/v1alpha1/hardeningpolicies")
NAMESPACES: Final = Collection("/api/v1/namespaces", metadata_only=True)
PODS: Final = Collection("/api/v1/pods", page=100)
REPLICA_SETS: Final = Collection("/apis/apps/v1/replicasets", metadata_only=True)
JOBS: Final = Collection("/apis/batch/v1/jobs", metadata_only=True)


class _Object(msgspec.Struct):
    metadata: ObjectMeta


def _metadata(data: bytes) -> ObjectMeta:
    return msgspec.json.decode(data, type=_Object).metadata


class PolicyCopy:
    """The policies that ask for events. A version that can't be read changes nothing."""

    def __init__(self, pipeline: Pipeline, complain: Callable[[str], None]) -> None:
        self._pipeline = pipeline
        self._complain = complain
        self._policies: dict[str, WatchingPolicy | None] = {}

    def replace(self, objects: Sequence[bytes]) -> None:
        """Take these policies for all there are."""
        names = {self._take(data) for data in objects}
        self._policies = {name: each for name, each in self._policies.items() if name in names}
        self._use()

    def put(self, data: bytes) -> None:
        """Take a policy that is new or has changed."""
        self._take(data)
        self._use()

    def drop(self, data: bytes) -> None:
        """Forget a policy."""
        self._policies.pop(_metadata(data).name or "", None)
        self._use()

    def _take(self, data: bytes) -> str:
        name = _metadata(data).name or ""
        try:
            self._policies[name] = WatchingPolicy.of(parse_policy(data))
        except PolicyError as error:
            self._complain(f"HardeningPolicy {name} is not valid, nothing changes: {error}")
        return name

    def _use(self) -> None:
        self._pipeline.use(each for each in self._policies.values() if each is not None)


class NamespaceCopy:
    """The labels of every namespace."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._labels: dict[str, Labels] = {}
        self._pipeline = pipeline
        pipeline.namespaces = self._labels

    def replace(self, objects: Sequence[bytes]) -> None:
        """Take these namespaces for all there are."""
        self._labels.clear()
        for data in objects:
            self.put(data)

    def put(self, data: bytes) -> None:
        """Take a namespace that is new or has changed."""
        metadata = _metadata(data)
        self._labels[metadata.name or ""] = metadata.labels or {}

    def drop(self, data: bytes) -> None:
        """Forget a namespace."""
        self._labels.pop(_metadata(data).name or "", None)


class PodCopy:
    """All pods, and those that went lately."""

    def __init__(
        self, pipeline: Pipeline, clock: Callable[[], float], complain: Callable[[str], None]
    ) -> None:
        self._pods = pipeline.pods
        self._clock = clock
        self._complain = complain

    def replace(self, objects: Sequence[bytes]) -> None:
        """Take these pods for all there are."""
        uids = {self._take(data) for data in objects}
        self._pods.keep_only(uids, self._clock())

    def put(self, data: bytes) -> None:
        """Take a pod that is new or has changed."""
        self._take(data)

    def drop(self, data: bytes) -> None:
        """Note that a pod is gone."""
        self._pods.drop(self._take(data), self._clock())

    def _take(self, data: bytes) -> str:
        try:
            pod = read_pod(data)
        except ManifestError as error:
            self._complain(str(error))
            return ""
        self._pods.put(pod)
        return pod.uid


class OwnerCopy:
    """Who made the objects of one kind; each kind has a copy, and all share what is known."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._owners = pipeline.owners
        self._uids: set[str] = set()

    def replace(self, objects: Sequence[bytes]) -> None:
        """Take these for all there are."""
        before, self._uids = self._uids, set()
        for data in objects:
            self.put(data)
        for uid in before - self._uids:
            self._owners.drop(uid)

    def put(self, data: bytes) -> None:
        """Take one that is new or has changed."""
        self._uids.add(self._owners.put(data))

    def drop(self, data: bytes) -> None:
        """Keep what is known of it: events of its pods may still come."""


class Knowledge:
    """The watches that feed a pipeline."""

    def __init__(
        self,
        kube: Kube,
        pipeline: Pipeline,
        clock: Callable[[], float],
        loop_clock: Callable[[], float],
        complain: Callable[[str], None],
    ) -> None:
        """Set up; `clock` gives seconds since the epoch, `loop_clock` those of the event loop."""
        copies: dict[str, tuple[Collection, Copy]] = {
            "policies": (POLICIES, PolicyCopy(pipeline, complain)),
            "namespaces": (NAMESPACES, NamespaceCopy(pipeline)),
            "replicasets": (REPLICA_SETS, OwnerCopy(pipeline)),
            "jobs": (JOBS, OwnerCopy(pipeline)),
            "pods": (PODS, PodCopy(pipeline, clock, complain)),
        }
        self.freshness = {name: Freshness(loop_clock) for name in copies}
        self.watchers = [
            Watcher(kube, collection, copy, self.freshness[name], complain)
            for name, (collection, copy) in copies.items()
        ]

    @property
    def unlisted(self) -> str:
        """Name what has not been listed yet; empty where all has."""
        return ", ".join(name for name, each in self.freshness.items() if not each.is_synced)

    @property
    def age_s(self) -> float:
        """Seconds since the API server was last heard by the watch that is furthest behind."""
        return max(each.age_s for each in self.freshness.values())
