"""Keeps the NetworkPolicies of policies, in every namespace that they select."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from revet.adapters.kube import KubeError
from revet.core.model.meta import BREAK_GLASS_LABEL, Manifest
from revet.core.model.policy import HardeningPolicy
from revet.core.model.policy_network import Switch
from revet.core.network.facts import ClusterFacts, Place
from revet.core.network.limits import Limits, Surroundings, find_limits
from revet.core.network.survey import EVERYWHERE
from revet.core.plan import find_stale, identify
from revet.core.render.isolation_names import ISOLATING
from revet.core.render.networkpolicy import network_policies
from revet.core.render.quarantine import asked_quarantine
from revet.core.status import listed
from revet.operator.context import Context
from revet.operator.lanes import run_in_lanes
from revet.operator.ownership import Sharing
from revet.operator.picture import Key, NamespaceSeen, PolicySeen
from revet.operator.writer import is_gone

_LIST_S: Final = 10.0
_LANES: Final = 8  # of one policy, and several policies are under way


@dataclass(frozen=True, slots=True)
class _Made:
    """What was made for a policy in a namespace, and from what: the same again is not made anew."""

    version: tuple[str, int]
    place: Place
    cluster: ClusterFacts
    manifests: list[Manifest]


class Isolation:
    """Keeps NetworkPolicies."""

    def __init__(self, context: Context) -> None:
        self._context = context
        #: How long is waited for what they depend on to be listed.
        self.most_s = _LIST_S
        #: One at a time for each policy: a pass over all must not take away what one just wrote.
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._made: dict[str, dict[str, _Made]] = defaultdict(dict)
        self._sharing = Sharing()
        self._standing: dict[str, dict[str, None]] = {}

    async def keep(
        self, seen: PolicySeen, selected: Sequence[NamespaceSeen]
    ) -> tuple[list[str], list[str]]:
        """See that they stand where the policy asks for them; return where they do, and problems.

        What can't be written, or deleted, keeps nothing else from being so.
        """
        if seen.policy is None:
            return [], []
        async with self._turns[seen.name]:
            unlisted = await self._unlisted(seen.policy)
            if unlisted:
                return self.standing(seen.name), [unlisted]
            standing, problems, wanted = await self._write_all(seen, seen.policy, selected)
            self._standing[seen.name] = dict.fromkeys(standing)
            there = {each.name for each in selected}
            for name in self._made[seen.name].keys() - there:
                del self._made[seen.name][name]
            left = {each.name for each in selected if BREAK_GLASS_LABEL in each.labels}
            owned = self._context.picture.owned(ISOLATING, seen.uid)
            stale = find_stale(wanted, owned, seen.uid)
            problems += await self._prune(
                each for each in stale if each["metadata"]["namespace"] not in left
            )
        return standing, problems

    async def keep_at(self, name: str, policies: Iterable[str]) -> None:
        """See that those of some policies stand in one namespace, which they select.

        Raises:
            KubeError: some could not be written, or deleted.

        """
        namespace = self._context.picture.namespaces.get(name)
        problems: list[str] = []
        for each in policies:
            seen = self._context.picture.policies[each]
            if namespace is not None and seen.is_kept:
                problems += await self.keep_in(seen, namespace)
        if problems:
            raise KubeError(listed(problems))

    async def keep_in(self, seen: PolicySeen, namespace: NamespaceSeen) -> list[str]:
        """See that they stand in one namespace that the policy selects; return problems."""
        if seen.policy is None or self._reason(namespace):
            return []
        async with self._turns[seen.name]:
            unlisted = await self._unlisted(seen.policy)
            if unlisted:
                return [unlisted]
            before = self._made[seen.name].get(namespace.name)
            desired = self._desired(seen.policy, namespace)
            problem = await self._write(seen, desired)
            standing = self._standing.setdefault(seen.name, {})
            if problem is None and desired:
                standing[namespace.name] = None
            else:
                standing.pop(namespace.name, None)
            wanted = {identify(each) for each in desired}
            stood = (identify(each) for each in (before.manifests if before else ()))
            live = (self._context.picture.objects.get(each) for each in stood if each not in wanted)
            problems = await self._prune(each for each in live if each is not None)
            if problems and before is not None:
                # What could not be taken away is looked for again.
                self._made[seen.name][namespace.name] = before
        return [*([problem] if problem else []), *problems]

    def asking(self) -> list[str]:
        """Return the policies that ask for NetworkPolicies."""
        policies = self._context.picture.policies.values()
        return [each.name for each in policies if each.policy is not None and _asks(each.policy)]

    def note_changes(self, names: Iterable[str]) -> None:
        """Have namespaces looked at again in which something has changed that counts here."""
        for name in names:
            if name == EVERYWHERE:
                self._context.queue.add_all(Key("policy", each) for each in self.asking())
            else:
                self._context.queue.add(Key("network", name))

    def standing(self, policy: str) -> list[str]:
        """Return the namespaces in which a policy's stand."""
        return sorted(self._standing.get(policy, ()))

    def forget(self, policy: str) -> None:
        """Forget a policy that is gone: what it owned goes by the garbage collector."""
        self._standing.pop(policy, None)
        self._made.pop(policy, None)

    def spared(self, selected: Sequence[NamespaceSeen]) -> dict[str, str]:
        """Return the namespaces in which nothing is written, each with the reason."""
        reasons = {each.name: self._reason(each) for each in selected}
        return {name: reason for name, reason in reasons.items() if reason}

    def limits(self, seen: PolicySeen, selected: Sequence[NamespaceSeen]) -> Limits:
        """Return what they do not give of what the policy asks for, where they are written."""
        surveyor = self._context.surveyor
        if seen.policy is None or not _asks(seen.policy) or surveyor.unlisted():
            return Limits()
        labels: Mapping[str, Mapping[str, str]] = {
            each.name: each.labels for each in self._context.picture.namespaces.values()
        }
        isolated = [each.name for each in selected if not self._reason(each)]
        around = Surroundings(surveyor.cluster, labels, isolated, surveyor.facts)
        return find_limits(seen.policy, around)

    async def _unlisted(self, policy: HardeningPolicy) -> str:
        """Wait for what NetworkPolicies depend on; say what was not listed, empty where all was."""
        if not _asks(policy):
            return ""
        kinds = await self._context.surveyor.wait(self.most_s)
        if not kinds:
            return ""
        return f"no NetworkPolicy is written: not listed yet: {', '.join(kinds)}"

    def _reason(self, namespace: NamespaceSeen) -> str:
        if namespace.name in self._context.settings.system_namespaces:
            return "a system namespace"
        return namespace.hands_off

    def _desired(self, policy: HardeningPolicy, namespace: NamespaceSeen) -> list[Manifest]:
        if not _asks(policy) and asked_quarantine(policy) is None:
            return []
        surveyor = self._context.surveyor
        place = Place(namespace.name, namespace.labels, surveyor.facts(namespace.name))
        cluster, known = surveyor.cluster, self._made[policy.metadata.name]
        made = known.get(namespace.name)
        version = (policy.metadata.uid, policy.metadata.generation)
        if made is None or (made.version, made.place, made.cluster) != (version, place, cluster):
            manifests = list(map(self._sharing.share, network_policies(policy, place, cluster)))
            made = known[namespace.name] = _Made(version, place, cluster, manifests)
        return made.manifests

    async def _write_all(
        self, seen: PolicySeen, policy: HardeningPolicy, selected: Sequence[NamespaceSeen]
    ) -> tuple[list[str], list[str], list[Manifest]]:
        """Write those of all namespaces; return where they stand, problems, and all of them."""
        standing: list[str] = []
        problems: list[str] = []
        wanted: list[Manifest] = []

        async def write(namespace: NamespaceSeen) -> None:
            desired = self._desired(policy, namespace)
            wanted.extend(desired)
            problem = await self._write(seen, desired)
            if problem:
                problems.append(problem)
            elif problem is None and desired:
                standing.append(namespace.name)

        await run_in_lanes((each for each in selected if not self._reason(each)), write, _LANES)
        return sorted(standing), problems, wanted

    async def _write(self, seen: PolicySeen, desired: Sequence[Manifest]) -> str | None:
        """Write those of a namespace; return what went wrong, None where nothing did.

        Empty where the namespace is gone, which is nobody's fault.
        """
        try:
            # What is allowed comes before the default deny: no request is cut in between.
            for manifest in reversed(desired):
                await self._context.writer.keep(manifest, Key("policy", seen.name))
        except KubeError as error:
            return "" if is_gone(error) else str(error)
        return None

    async def _prune(self, stale: Iterable[Manifest]) -> list[str]:
        problems: list[str] = []
        for live in stale:
            try:
                await self._context.writer.prune(live)
            except KubeError as error:
                problems.append(str(error))
        return problems


def _asks(policy: HardeningPolicy) -> bool:
    network = policy.spec.network
    return network is not None and network.mode is Switch.ENFORCE
