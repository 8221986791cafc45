"""Which pod an event is about: by uid, by name, or by container; pods that went lately are kept.

Never a guess: where two pods could be meant there is none.
"""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Final, NamedTuple

import msgspec

from revet.core.errors import ManifestError
from revet.core.model.wire import Wire
from revet.core.runtime.event import RuntimeEvent

GONE_S: Final = 600.0
_MOST_GONE: Final = 5000
_MOST_MAKERS: Final = 200_000
#: Of a kind, and of an object (RFC 1123).
_LONGEST_KIND: Final = 63
_LONGEST_NAME: Final = 253
#: Docker's short form, Falco's default; Tetragon gives 31 characters or all 64.
_SHORTEST_ID: Final = 12


class Owner(NamedTuple):
    """Who runs a pod."""

    kind: str
    name: str


class _Reference(Wire, frozen=True, gc=False):
    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool = False


class _Metadata(Wire, frozen=True, gc=False):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    labels: dict[str, str] | None = None
    owner_references: tuple[_Reference, ...] | None = None


class _Spec(Wire, frozen=True, gc=False):
    node_name: str = ""


class _ContainerStatus(Wire, frozen=True, gc=False):
    name: str = ""
    container_id: str = msgspec.field(name="containerID", default="")


class _Status(Wire, frozen=True, gc=False):
    container_statuses: tuple[_ContainerStatus, ...] | None = None
    init_container_statuses: tuple[_ContainerStatus, ...] | None = None
    ephemeral_container_statuses: tuple[_ContainerStatus, ...] | None = None


class _Manifest(Wire, frozen=True, gc=False):
    metadata: _Metadata
    spec: _Spec | None = None
    status: _Status | None = None


_manifest: Final = msgspec.json.Decoder(_Manifest)


class Pod(NamedTuple):
    """A pod, as far as events need it; `containers` are names by id."""

    uid: str
    namespace: str
    name: str
    node: str
    labels: Mapping[str, str]
    owner: _Reference | None
    containers: Mapping[str, str]


def read_pod(data: bytes) -> Pod:
    """Read a pod, or just its metadata.

    Raises:
        ManifestError: it is none.

    """
    try:
        found = _manifest.decode(data)
    except msgspec.DecodeError as error:
        raise ManifestError(f"the pod can't be read: {error}") from error
    status = found.status or _Status()
    containers = {
        each.container_id.rpartition("//")[2]: each.name
        for group in (
            status.container_statuses,
            status.init_container_statuses,
            status.ephemeral_container_statuses,
        )
        for each in group or ()
        if each.container_id
    }
    metadata, spec = found.metadata, found.spec or _Spec()
    return Pod(
        metadata.uid,
        metadata.namespace,
        metadata.name,
        spec.node_name,
        metadata.labels or {},
        _controller(metadata),
        containers,
    )


def _controller(metadata: _Metadata) -> _Reference | None:
    """Return who made it; whoever creates a pod may write there what no object could be called."""
    owners = metadata.owner_references or ()
    found = next((each for each in owners if each.controller), None)
    if found is None:
        return None
    return _Reference(found.kind[:_LONGEST_KIND], found.name[:_LONGEST_NAME], found.uid, True)


class Owners:
    """Who made the ReplicaSets and Jobs that make pods, by their uids."""

    def __init__(self) -> None:
        self._makers: dict[str, Owner] = {}

    def put(self, data: bytes) -> str:
        """Take in a ReplicaSet or Job, or just its metadata; return its uid."""
        seen = read_pod(data)
        if seen.owner is not None:
            self._makers[seen.uid] = Owner(seen.owner.kind, seen.owner.name)
            if len(self._makers) > _MOST_MAKERS:
                del self._makers[next(iter(self._makers))]
        return seen.uid

    def drop(self, uid: str) -> None:
        """Forget one."""
        self._makers.pop(uid, None)

    def workload(self, pod: Pod) -> Owner:
        """Return what people wrote: a Deployment, not its ReplicaSet; a CronJob, not its Job."""
        if pod.owner is None:
            return Owner("Pod", pod.name)
        return self._makers.get(pod.owner.uid) or Owner(pod.owner.kind, pod.owner.name)


class Pods:
    """All pods, and those that went in the last ten minutes."""

    def __init__(self) -> None:
        self._by_uid: dict[str, Pod] = {}
        self._by_name: dict[tuple[str, str], Pod] = {}
        self._by_container: dict[str, dict[str, str]] = {}
        self._gone: OrderedDict[str, float] = OrderedDict()
        self._nodes: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._by_uid) - len(self._gone)

    def put(self, pod: Pod) -> None:
        """Take in a pod that is new or has changed."""
        before = self._by_uid.get(pod.uid)
        if before is not None:
            self._forget(before)
        self._gone.pop(pod.uid, None)
        self._by_uid[pod.uid] = pod
        self._by_name[pod.namespace, pod.name] = pod
        self._nodes[pod.node] = self._nodes.get(pod.node, 0) + 1
        for each in pod.containers:
            self._by_container.setdefault(each[:_SHORTEST_ID], {})[each] = pod.uid

    def drop(self, uid: str, now: float) -> None:
        """Note that a pod is gone; events about it may still be on their way."""
        if uid in self._by_uid and uid not in self._gone:
            self._gone[uid] = now + GONE_S
        self.expire(now)

    def keep_only(self, uids: set[str], now: float) -> None:
        """Note that all others are gone."""
        for uid in self._by_uid.keys() - uids:
            self.drop(uid, now)

    def expire(self, now: float) -> None:
        """Forget those that went long ago, or are too many."""
        while self._gone and (
            len(self._gone) > _MOST_GONE or next(iter(self._gone.values())) <= now
        ):
            uid, _ = self._gone.popitem(last=False)
            self._forget(self._by_uid.pop(uid))

    def is_node(self, name: str) -> bool:
        """Return whether some pod runs on a node of that name."""
        return bool(name) and name in self._nodes

    def find(self, event: RuntimeEvent) -> tuple[Pod, str] | None:
        """Return the pod that an event is about and the container's name, None where unknown."""
        pod = self._find(event)
        if pod is None:
            return None
        name = event.container
        for each, said in pod.containers.items():
            if event.container_id and each.startswith(event.container_id):
                name = said
        # What the sensor says is told only where the pod has such a container.
        known = set(pod.containers.values())
        return pod, name if not known or name in known else ""

    def _find(self, event: RuntimeEvent) -> Pod | None:
        if event.pod_uid:
            return self._by_uid.get(event.pod_uid)
        if event.namespace and event.pod:
            return self._by_name.get((event.namespace, event.pod))
        if len(event.container_id) < _SHORTEST_ID:
            return None
        known = self._by_container.get(event.container_id[:_SHORTEST_ID], {})
        uids = {uid for each, uid in known.items() if each.startswith(event.container_id)}
        return self._by_uid.get(uids.pop()) if len(uids) == 1 else None

    def _forget(self, pod: Pod) -> None:
        place = (pod.namespace, pod.name)
        if self._by_name.get(place) is pod:
            del self._by_name[place]
        self._nodes[pod.node] -= 1
        if not self._nodes[pod.node]:
            del self._nodes[pod.node]
        for each in pod.containers:
            known = self._by_container.get(each[:_SHORTEST_ID], {})
            known.pop(each, None)
            if not known:
                self._by_container.pop(each[:_SHORTEST_ID], None)
