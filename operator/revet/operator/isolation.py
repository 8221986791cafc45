"""Keeps the NetworkPolicies of policies, in every namespace that they select."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from revet.adapters.kube import KubeError
from revet.core.model.meta import BREAK_GLASS_LABEL, Manifest
from revet.core.model.policy import HardeningPolicy
from revet.core.model.policy_network import ApiServerAccess, Direction, Switch
from revet.core.network.facts import NO_FACTS, ClusterFacts, NamespaceFacts, Place
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
from revet.operator.pruning import prune
from revet.operator.writer import is_gone

_LIST_S: Final = 10.0
_UNLISTED: Final = "no NetworkPolicy is written: not listed yet: "
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
        #: The namespaces that wait for what is listed late.
        self._waiting: set[str] = set()
        context.surveyor.tell_listed = self._note_listed

    async def keep(self, name: str) -> tuple[list[str], list[str]]:
        """See that those of a policy stand wherever it selects; return where they do, and problems.

        What can't be written, or deleted, keeps nothing else from being so.
        """
        async with self._turns[name]:
            unlisted = await self._unlisted(name)
            seen = self._kept(name)
            if unlisted or seen is None or seen.policy is None:
                return self.standing(name), [unlisted] if unlisted else []
            selected = self._selected(seen)
            standing, problems, wanted, unsure = await self._write_all(seen, seen.policy, selected)
            self._standing[name] = dict.fromkeys(standing)
            there = {each.name for each in selected}
            for gone in self._made[name].keys() - there:
                del self._made[name][gone]
            left = {each.name for each in selected if BREAK_GLASS_LABEL in each.labels}
            owned = self._context.picture.owned(ISOLATING, seen.uid)
            stale = find_stale(wanted, owned, seen.uid)
            left |= unsure
            going = [each for each in stale if each["metadata"]["namespace"] not in left]
            problems += await prune(self._context.writer.prune, going)
        return standing, problems

    async def keep_at(self, name: str, policies: Iterable[str]) -> None:
        """See that those of some policies stand in one namespace, as far as they select it.

        Raises:
            KubeError: some could not be written, or deleted.

        """
        problems: list[str] = []
        for each in policies:
            problems += await self._keep_in(each, name)
        if problems:
            raise KubeError(listed(problems))

    async def _keep_in(self, policy: str, name: str) -> list[str]:
        """See that those of one policy stand in one namespace; return problems."""
        async with self._turns[policy]:
            unlisted = await self._unlisted(policy)
            seen = self._kept(policy)
            if unlisted or seen is None or seen.policy is None:
                return [unlisted] if unlisted else []
            namespace = self._context.picture.namespaces.get(name)
            if namespace is None or not self._selects(seen, namespace) or self._reason(namespace):
                return []
            if self._depends(seen.policy, name) and not self._context.surveyor.has_pods():
                # It is looked at again when they are known: others must have their turn.
                self._waiting.add(name)
                return [f"{_UNLISTED}Pod"]
            before = self._made[policy].get(name)
            desired = self._desired(seen.policy, namespace)
            problem = await self._write(seen, desired)
            standing = self._standing.setdefault(policy, {})
            if problem is None and desired:
                standing[name] = None
            else:
                standing.pop(name, None)
            wanted = {identify(each) for each in desired}
            stood = (identify(each) for each in (before.manifests if before else ()))
            live = (self._context.picture.objects.get(each) for each in stood if each not in wanted)
            going = [each for each in live if each is not None]
            problems = await prune(self._context.writer.prune, going)
            if problems and before is not None:
                # What could not be taken away is looked for again.
                self._made[policy][name] = before
            if policy not in self._context.picture.policies:
                self.forget(policy)
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

    def _note_listed(self, names: Iterable[str]) -> None:
        """Have written what had to wait, and told what can't be had, now that it is known."""
        waiting, self._waiting = self._waiting, set()
        self._context.queue.add_all(Key("network", each) for each in waiting.union(names))
        if not self._context.surveyor.unlisted():
            self._context.statuses.add_all(Key("status", each) for each in self.asking())

    def standing(self, policy: str) -> list[str]:
        """Return the namespaces in which a policy's stand."""
        return sorted(self._standing.get(policy, ()))

    def forget(self, policy: str) -> None:
        """Forget a policy that is gone."""
        self._standing.pop(policy, None)
        self._made.pop(policy, None)

    def spared(self, selected: Sequence[NamespaceSeen]) -> dict[str, str]:
        """Return the namespaces in which nothing is written, each with the reason."""
        reasons = {each.name: self._reason(each) for each in selected}
        return {name: reason for name, reason in reasons.items() if reason}

    def limits(self, seen: PolicySeen, selected: Sequence[NamespaceSeen]) -> Limits:
        """Return what they do not give of what the policy asks for, where they are written."""
        surveyor = self._context.surveyor
        if seen.policy is None or not _asks(seen.policy):
            return Limits()
        if unlisted := surveyor.unlisted():
            return Limits(unlisted=unlisted, is_refused=surveyor.is_refused())
        labels: Mapping[str, Mapping[str, str]] = {
            each.name: each.labels for each in self._context.picture.namespaces.values()
        }
        isolated = [each.name for each in selected if not self._reason(each)]
        around = Surroundings(surveyor.cluster, labels, isolated, surveyor.facts)
        return find_limits(seen.policy, around)

    async def _unlisted(self, name: str) -> str:
        """Wait for what NetworkPolicies depend on; say what was not listed, empty where all was."""
        seen = self._kept(name)
        if seen is None or seen.policy is None or not _asks(seen.policy):
            return ""
        kinds = await self._context.surveyor.wait(self.most_s)
        if not kinds:
            return ""
        return f"{_UNLISTED}{', '.join(kinds)}"

    def _kept(self, name: str) -> PolicySeen | None:
        """Return a policy as it is by now: whoever had to wait must not go by what was before."""
        seen = self._context.picture.policies.get(name)
        return seen if seen is not None and seen.is_kept else None

    def _selected(self, seen: PolicySeen) -> list[NamespaceSeen]:
        namespaces = self._context.picture.namespaces.values()
        return [each for each in namespaces if self._selects(seen, each)]

    def _selects(self, seen: PolicySeen, namespace: NamespaceSeen) -> bool:
        system = self._context.settings.system_namespaces
        compiled = seen.compiled
        return (
            compiled is not None
            and compiled.ceiling(namespace.name, namespace.labels, system) is not None
        )

    def _reason(self, namespace: NamespaceSeen) -> str:
        if namespace.name in self._context.settings.system_namespaces:
            return "a system namespace"
        return namespace.hands_off

    def _depends(self, policy: HardeningPolicy, name: str) -> bool:
        """Tell whether what a policy asks for in a namespace may depend on its pods."""
        network = policy.spec.network
        return (
            network is not None
            and _asks(policy)
            and network.allow.api_server is ApiServerAccess.BOUND
            and Direction.EGRESS in network.isolate
            and self._context.surveyor.depends_on_pods(name)
        )

    def _desired(self, policy: HardeningPolicy, namespace: NamespaceSeen) -> list[Manifest]:
        asks = _asks(policy)
        if not asks and asked_quarantine(policy) is None:
            return []
        surveyor = self._context.surveyor
        # What does not depend on them did not wait for them to be known.
        facts = surveyor.facts(namespace.name) if asks else NamespaceFacts()
        place = Place(namespace.name, namespace.labels, facts)
        cluster = surveyor.cluster if asks else NO_FACTS
        known = self._made[policy.metadata.name]
        made = known.get(namespace.name)
        version = (policy.metadata.uid, policy.metadata.generation)
        if made is None or (made.version, made.place, made.cluster) != (version, place, cluster):
            manifests = list(map(self._sharing.share, network_policies(policy, place, cluster)))
            made = known[namespace.name] = _Made(version, place, cluster, manifests)
        return made.manifests

    async def _write_all(
        self, seen: PolicySeen, policy: HardeningPolicy, selected: Sequence[NamespaceSeen]
    ) -> tuple[list[str], list[str], list[Manifest], set[str]]:
        """Write those of all namespaces.

        Returns where they stand, problems, all of them, and where nobody knows what they are.
        """
        standing: list[str] = []
        problems: list[str] = []
        wanted: list[Manifest] = []
        unsure: set[str] = set()
        surveyor = self._context.surveyor
        until = asyncio.get_running_loop().time() + self.most_s

        async def write(namespace: NamespaceSeen) -> None:
            waits = self._depends(policy, namespace.name)
            if waits and not await surveyor.wait_for_pods(until):
                unsure.add(namespace.name)
                return
            desired = self._desired(policy, namespace)
            wanted.extend(desired)
            problem = await self._write(seen, desired)
            if problem:
                problems.append(problem)
            elif problem is None and desired:
                standing.append(namespace.name)

        # Who has to wait comes last, and has what it waits for listed meanwhile.
        places = [each for each in selected if not self._reason(each)]
        places.sort(key=lambda each: self._depends(policy, each.name))
        if places and self._depends(policy, places[-1].name):
            surveyor.has_pods()
        await run_in_lanes(places, write, _LANES)
        if unsure:
            self._waiting |= unsure
            problems.append(f"{_UNLISTED}Pod, in {listed(sorted(unsure))}")
        return sorted(standing), problems, wanted, unsure

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


def _asks(policy: HardeningPolicy) -> bool:
    network = policy.spec.network
    return network is not None and network.mode is Switch.ENFORCE
