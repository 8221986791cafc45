"""From an event to the finding of each policy that it concerns: dedup, correlate, match, add.

Pure: the time is passed in with each call. What has no pod yet is held, and tried again.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Final

from revet.core.model.selector import Labels
from revet.core.runtime.event import Kind, RuntimeEvent
from revet.core.runtime.feed import Feed, Loss
from revet.core.runtime.findings import Finding, Findings, Suspect
from revet.core.runtime.match import WatchingPolicy
from revet.core.runtime.pods import Owner, Owners, Pod, Pods
from revet.core.runtime.recent import Recent

HOLD_S: Final = 30.0
_MOST_HELD: Final = 10_000
_REMEMBERED: Final = 100_000
_REMEMBERED_S: Final = 600.0
_MOST_CACHED: Final = 8192


class Result(StrEnum):
    """What became of an event."""

    ALIVE = "alive"
    LOSS = "loss"
    DUPLICATE = "duplicate"
    HELD = "held"
    MISMATCH = "mismatch"
    UNATTRIBUTED = "unattributed"
    NODE = "node"
    UNMATCHED = "unmatched"
    MATCHED = "matched"
    FAILED = "failed"


_Key = tuple[str, str, str, tuple[str, ...], str, bool]


class Pipeline:
    """Takes events in, one by one."""

    def __init__(
        self, system: frozenset[str], found: Callable[[Finding], None] = lambda _: None
    ) -> None:
        """Start empty; `found` is told of each event that is a finding of some policy's.

        `system` are the namespaces outside every policy that does not name them.
        """
        self._system = system
        self._found = found
        self.pods = Pods()
        self.owners = Owners()
        self.findings = Findings()
        self.feed = Feed()
        self.namespaces: Mapping[str, Labels] = {}
        self._policies: tuple[WatchingPolicy, ...] = ()
        self._recent = Recent(_REMEMBERED, _REMEMBERED_S)
        self._held: deque[tuple[float, RuntimeEvent]] = deque()
        self._fitting: OrderedDict[_Key, tuple[WatchingPolicy, ...]] = OrderedDict()

    @property
    def held(self) -> int:
        """How many events wait for their pod."""
        return len(self._held)

    @property
    def watching(self) -> int:
        """How many policies events are held against."""
        return len(self._policies)

    def use(self, policies: Iterable[WatchingPolicy]) -> None:
        """Hold events against these policies from now on."""
        self._policies = tuple(policies)
        self._fitting.clear()
        self.findings.keep_only({each.uid for each in self._policies})

    def take(self, event: RuntimeEvent, now: float) -> Result:
        """Take in an event that has just come; `now` is in seconds since the epoch."""
        self.feed.hear(event.source, now)
        if event.kind is Kind.ALIVE:
            return Result.ALIVE
        if event.kind is Kind.LOSS:
            self.feed.lose(event.source, Loss.SENSOR, now, event.node)
            return Result.LOSS
        # First, so that what nobody asks for takes no place among what is remembered.
        if not self._fits(event):
            return Result.UNMATCHED
        if event.key and not self._recent.add(event.key, now):
            return Result.DUPLICATE
        result = self._place(event, now)
        if result is not None:
            return result
        if len(self._held) >= _MOST_HELD or not _tells_a_pod(event):
            return self._give_up(event, now)
        self._held.append((now, event))
        return Result.HELD

    def retry(self, now: float, most: int = _MOST_HELD) -> list[tuple[RuntimeEvent, Result]]:
        """Look again at what is held, at so many of them; return what has been decided."""
        decided: list[tuple[RuntimeEvent, Result]] = []
        for _ in range(min(most, len(self._held))):
            since, event = self._held.popleft()
            result = self._place(event, now)
            if result is None and now - since >= HOLD_S:
                result = self._give_up(event, now)
            if result is None:
                self._held.append((since, event))
            else:
                decided.append((event, result))
        return decided

    def expire(self, now: float) -> None:
        """Forget what has become too old to count, and pods that went long ago."""
        self.pods.expire(now)
        for each in self._policies:
            self.findings.expire(each.uid, now - each.clear_after_s)

    def _give_up(self, event: RuntimeEvent, now: float) -> Result:
        self.feed.lose(event.source, Loss.UNATTRIBUTED, now, event.node)
        return Result.UNATTRIBUTED

    def _place(self, event: RuntimeEvent, now: float) -> Result | None:
        """Find what an event is about and add it; None where its pod is not known yet."""
        if event.is_host:
            return Result.NODE
        if event.subject:
            return self._add_object(event)
        found = self.pods.find(event)
        if found is None:
            return None
        pod, container = found
        # Whoever tells of another node's pod is mistaken, or lies. A sensor that has proven nothing
        # may call itself as it likes, but not as another node.
        is_node = event.is_bound or self.pods.is_node(event.node)
        if pod.node and event.node != pod.node and is_node:
            self.feed.lose(event.source, Loss.MISMATCH, now, event.node)
            return Result.MISMATCH
        return self._add(event, pod, container)

    def _add_object(self, event: RuntimeEvent) -> Result:
        kind, _, name = event.subject.partition("/")
        matched = Result.UNMATCHED
        for policy in self._fits(event):
            if policy.takes_what_is_no_pod and self._selects(policy, event.namespace):
                self._note(event, policy, event.namespace, Owner(kind, name))
                matched = Result.MATCHED
        return matched

    def _add(self, event: RuntimeEvent, pod: Pod, container: str) -> Result:
        matched = Result.UNMATCHED
        for policy in self._fits(event):
            if self._selects(policy, pod.namespace) and policy.selects_pod(pod.labels):
                owner = self.owners.workload(pod)
                self._note(event, policy, pod.namespace, owner, pod, container)
                matched = Result.MATCHED
        return matched

    def _selects(self, policy: WatchingPolicy, namespace: str) -> bool:
        # A namespace that is gone had labels that nobody knows any more.
        labels = self.namespaces.get(namespace)
        if labels is None and namespace:
            return False
        return policy.selects(namespace, labels or {}, self._system)

    def _fits(self, event: RuntimeEvent) -> tuple[WatchingPolicy, ...]:
        """Return the policies that have a rule for such an event; it is asked over and over."""
        key = (
            event.source,
            event.rule,
            event.severity,
            event.tags,
            event.tracing_policy,
            event.is_routine,
        )
        known = self._fitting.get(key)
        if known is None:
            known = tuple(each for each in self._policies if each.fits(event))
            self._fitting[key] = known
            if len(self._fitting) > _MOST_CACHED:
                self._fitting.popitem(last=False)
        return known

    def _note(
        self,
        event: RuntimeEvent,
        policy: WatchingPolicy,
        namespace: str,
        owner: Owner,
        pod: Pod | None = None,
        container: str = "",
    ) -> None:
        finding = Finding(
            policy=policy.uid,
            policy_name=policy.name,
            source=event.source,
            rule=event.rule,
            namespace=namespace,
            kind=owner.kind,
            workload=owner.name,
            container=container,
            executable=event.executable,
            severity=event.severity,
            effect=event.effect,
            tags=event.tags,
            tracing_policy=event.tracing_policy,
            is_routine=event.is_routine,
            pod=pod.name if pod else "",
            pod_uid=pod.uid if pod else "",
            node=event.node,
            process=event.process,
            suspects=_suspects(event, pod),
            count=1,
            first=event.at,
            last=event.at,
        )
        self._found(finding)
        self.findings.add(finding)


def _suspects(event: RuntimeEvent, pod: Pod | None) -> tuple[Suspect, ...]:
    if pod is None or not event.is_bound or pod.node != event.node:
        return ()
    return (Suspect(pod.name, pod.uid, event.severity, event.at),)


def _tells_a_pod(event: RuntimeEvent) -> bool:
    return bool(event.pod_uid or event.container_id or (event.namespace and event.pod))
