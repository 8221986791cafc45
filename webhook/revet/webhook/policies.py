"""What the webhook knows: policies, namespaces and what policies need, copied from watches.

A review calls nobody. It looks up here, and waits here for what has not arrived yet.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import msgspec

from revet.adapters.kube import Collection
from revet.core import account
from revet.core.bounds import KINDS as BOUNDS
from revet.core.check import Check
from revet.core.checks import ALL
from revet.core.compiled_policy import Applied, CompiledPolicy, apply
from revet.core.errors import PolicyError
from revet.core.expectation import ACCOUNT, ISOLATION, Expectation, limits_of
from revet.core.item import Item
from revet.core.model.meta import Manifest
from revet.core.model.pod import ObjectMeta
from revet.core.model.policy import parse_policy
from revet.core.model.selector import Labels
from revet.webhook.beside import Beside
from revet.webhook.births import Births, Lack

POLICIES: Final = Collection("/apis/revet.dev/v1alpha1/hardeningpolicies")
NAMESPACES: Final = Collection("/api/v1/namespaces", metadata_only=True)
#: How long the entry of a policy that has gone may still be called: the operator removes it within
#: seconds. After that it is unknown again, and what is unknown is not let through.
_RETIRED_S: Final = 30.0


class _Metadata(ObjectMeta, frozen=True, gc=False):
    creation_timestamp: str | None = None


class _Object(msgspec.Struct):
    metadata: _Metadata


def _metadata(data: bytes) -> _Metadata:
    return msgspec.json.decode(data, type=_Object).metadata


class PolicyCopy:
    """The policies, compiled. A version that can't be read changes nothing that is served."""

    def __init__(
        self,
        changed: Callable[[], None],
        complain: Callable[[str], None],
        catalog: Sequence[Check] = ALL,
    ) -> None:
        """Start empty; `changed` is called after each change, `complain` told what is not valid."""
        self._catalog = catalog
        self._changed = changed
        self._complain = complain
        self.compiled: dict[str, CompiledPolicy] = {}
        #: What those that enforce somewhere have written into namespaces.
        self.expected: dict[str, Expectation] = {}
        #: The LimitRanges that they ask for, enforcing or not: of all only one is written.
        self.limits: dict[str, Manifest] = {}

    def generations(self) -> dict[str, int]:
        """Return the generation in force of each policy, by name."""
        return {name: policy.generation for name, policy in self.compiled.items()}

    def replace(self, objects: Sequence[bytes]) -> None:
        """Take these policies for all there are."""
        names = {self._take(data) for data in objects}
        self.compiled = {name: each for name, each in self.compiled.items() if name in names}
        self.expected = {name: each for name, each in self.expected.items() if name in names}
        self.limits = {name: each for name, each in self.limits.items() if name in names}
        self._changed()

    def put(self, data: bytes) -> None:
        """Take a policy that is new or has changed."""
        self._take(data)
        self._changed()

    def drop(self, data: bytes) -> None:
        """Forget a policy."""
        name = _metadata(data).name or ""
        self.compiled.pop(name, None)
        self._expect(name, None, None)
        self._changed()

    def _take(self, data: bytes) -> str:
        name = _metadata(data).name or ""
        try:
            policy = parse_policy(data)
            self.compiled[name] = compiled = CompiledPolicy.of(policy, self._catalog)
            enforces = any(entry.fail for _, entry in compiled.entries)
            self._expect(name, Expectation.of(policy) if enforces else None, limits_of(policy))
        except PolicyError as error:
            self._complain(f"HardeningPolicy {name} is not valid, nothing changes: {error}")
        return name

    def _expect(self, name: str, expected: Expectation | None, limits: Manifest | None) -> None:
        """Keep what a policy has written into namespaces."""
        self.expected.pop(name, None)
        self.limits.pop(name, None)
        self.expected |= {} if expected is None else {name: expected}
        self.limits |= {} if limits is None else {name: limits}


class NamespaceCopy:
    """The labels of every namespace, by name."""

    def __init__(self, changed: Callable[[], None], births: Births) -> None:
        """Start empty; `changed` is called after each change, `births` told of what comes."""
        self._changed = changed
        self._births = births
        self.labels: dict[str, Labels] = {}

    def replace(self, objects: Sequence[bytes]) -> None:
        """Take these namespaces for all there are."""
        listed = [_metadata(data) for data in objects]
        self.labels = {each.name or "": each.labels or {} for each in listed}
        self._births.see_listed({each.name or "": each.creation_timestamp for each in listed})
        self._changed()

    def put(self, data: bytes) -> None:
        """Take a namespace that is new or has changed."""
        metadata = _metadata(data)
        labels = metadata.labels or {}
        if (metadata.name or "") not in self.labels:
            self._births.see_new(metadata.name or "")
        # Controllers touch namespaces all the time; only labels matter here.
        if self.labels.get(metadata.name or "") != labels:
            self.labels[metadata.name or ""] = labels
            self._changed()

    def drop(self, data: bytes) -> None:
        """Forget a namespace."""
        name = _metadata(data).name or ""
        self.labels.pop(name, None)
        self._births.see_gone(name)
        self._changed()


class Knowledge:
    """Policies and namespaces, with what follows from both kept ready for the next review.

    `beside` holds the other objects that the policies' controls ask for.
    """

    def __init__(
        self,
        system: frozenset[str],
        complain: Callable[[str], None],
        clock: Callable[[], float],
        catalog: Sequence[Check] = ALL,
        stale_after_s: float = 120.0,
    ) -> None:
        """Start empty; `system` are the namespaces outside every policy that does not name them.

        `clock` is the event loop's, `catalog` all controls that policies are made of; what stands
        beside an object is unknown after `stale_after_s` seconds of silence.
        """
        self._clock = clock
        self.system = system
        self._paths: frozenset[str] = frozenset()
        self._retired: dict[str, float] = {}
        self._applied: dict[tuple[str, str], tuple[Applied, ...]] = {}
        self._news = asyncio.Event()
        #: Whom to tell by which policies is judged from now on.
        self.tell_policies: Callable[[Iterable[CompiledPolicy]], None] = _tell_nobody
        self.policies = PolicyCopy(self._forget, complain, catalog)
        self.beside = Beside(self._tell, complain, clock, stale_after_s, self._note)
        self.births = Births(self.beside.neighbours, clock)
        self.namespaces = NamespaceCopy(self._forget, self.births)

    @property
    def news(self) -> asyncio.Event:
        """What is set by the next change, once."""
        return self._news

    async def applied(
        self, path: str, namespace: str, deadline: float
    ) -> tuple[Applied, ...] | None:
        """Return the policies that apply where the entry at `path` was called for `namespace`.

        The call proves that entry and namespace exist. One not seen yet is waited for until
        `deadline`, on the clock of the event loop; None says that it did not come.
        """
        known = self._applied.get((path, namespace))
        if known is not None:
            return known
        # What is in no namespace has an empty one.
        while not self._knows(path) or (namespace and namespace not in self.namespaces.labels):
            try:
                async with asyncio.timeout_at(deadline):
                    await self._news.wait()
            except TimeoutError:
                return None
        labels = self.namespaces.labels[namespace] if namespace else {}
        known = apply(self.policies.compiled.values(), namespace, labels, self.system, path)
        # A retired entry's answer ends with it, so it is not kept.
        if path in self._paths:
            self._applied[path, namespace] = known
        return known

    async def lack(
        self, applied: Sequence[Applied], namespace: str, arrived: float, deadline: float
    ) -> Lack | None:
        """Return what a namespace lacks of what policies write into it, waiting for it meanwhile.

        `arrived` is when the pod that wants to get in came.
        """
        # On the way of every pod that comes in, and mostly no policy writes anything.
        if not self.births.expected:
            return None
        seen = self.namespaces.labels
        return await self.births.wait(
            applied,
            namespace,
            lambda: seen.get(namespace, {}),
            lambda: self._news,
            arrived,
            deadline,
        )

    def generations(self, path: str) -> dict[str, int]:
        """Return the generation in force of each policy that the entry at `path` is for, by uid.

        Not by name: one that was made again begins with a low generation. Without one that would
        have to refuse everything, for want of what its controls ask for.
        """
        return {
            policy.uid: policy.generation
            for policy in self.policies.compiled.values()
            if any(entry.path == path for _, entry in policy.entries)
            and all(map(self.beside.is_seen, policy.refusing_needs | self._needs(policy.name)))
        }

    def _needs(self, policy: str) -> frozenset[str]:
        """Return what has to be seen to tell whether a namespace has all that is expected."""
        expected = self.policies.expected.get(policy)
        return expected.needs if expected else frozenset()

    def _note(self, item: Item[Any] | None) -> None:
        """Note what may complete a namespace, or have it lack something."""
        if item is None:
            self.births.forget()
            return
        namespace = item.metadata.namespace or ""
        if item.kind in BOUNDS or (item.kind == ACCOUNT and item.metadata.name == account.NAME):
            self.births.note_change(namespace)
        elif item.kind == ISOLATION:
            self.births.note_change(namespace, settles=False)

    def _knows(self, path: str) -> bool:
        return path in self._paths or self._clock() < self._retired.get(path, 0.0)

    def _forget(self) -> None:
        self._applied.clear()
        paths = frozenset(
            entry.path for policy in self.policies.compiled.values() for _, entry in policy.entries
        )
        # A policy goes before its entry does. Such calls are judged by the policies that are left:
        # to refuse them as unknown would punish whoever deletes a policy.
        now = self._clock()
        self._retired = {
            **{path: until for path, until in self._retired.items() if now < until},
            **dict.fromkeys(self._paths - paths, now + _RETIRED_S),
        }
        self._paths = paths
        self.births.expected, self.births.limits = self.policies.expected, self.policies.limits
        self.births.forget()
        self.beside.want(
            kind
            for policy in self.policies.compiled.values()
            for kind in policy.needs | self._needs(policy.name)
        )
        self.tell_policies(self.policies.compiled.values())
        self._tell()

    def _tell(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()


def _tell_nobody(policies: Iterable[CompiledPolicy]) -> None:
    """Tell nobody."""
