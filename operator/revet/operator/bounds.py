"""Keeps the ResourceQuotas and LimitRanges of one namespace: several policies may ask for them.

Quotas add up, so each policy has its own and the strictest value holds. LimitRanges do not: which
default comes first is not defined, so there is one, of the first policy by name.
"""

from collections.abc import Mapping
from typing import Final

from revet.adapters.kube import KubeError
from revet.core.bounds import KINDS, LIMITS, QUOTA, comparable, covers
from revet.core.model.meta import Manifest
from revet.core.model.policy import HardeningPolicy
from revet.core.plan import find_stale
from revet.core.render.bounds import bounds
from revet.operator.asking import Asking, corrects
from revet.operator.context import Context
from revet.operator.holdings import Holdings
from revet.operator.outcome import Outcome
from revet.operator.ownership import list_owners
from revet.operator.picture import Key, NamespaceSeen
from revet.operator.writer import is_gone

_HOLDS: Final = {
    QUOTA: "all are written, the strictest holds",
    LIMITS: "the first by name holds",
}


class Bounds:
    """Keeps what bounds the resources of a namespace."""

    def __init__(self, context: Context, holdings: Holdings) -> None:
        """Set up."""
        self._context = context
        self._holdings = holdings

    async def keep(self, namespace: NamespaceSeen, asking: Asking) -> Outcome:
        """See that a namespace has what its policies ask for, and no more of ours.

        What comes is written before what goes is deleted: nothing is unbounded in between.
        """
        outcome = Outcome()
        for kind in KINDS:
            asked = {
                policy.metadata.name: made[kind]
                for policy in asking.all
                if kind in (made := bounds(policy, namespace.name))
            }
            if asked and not self._holdings.is_seen(kind):
                outcome.pending |= asked.keys()
                continue
            _note_contradictions(kind, asked, outcome)
            self._respect_others(kind, namespace.name, asked, outcome)
            holders = self._choose(kind, namespace.name, asked, asking)
            for policy, _ in asking.kept:
                if policy.metadata.name in holders:
                    await self._write(policy, asked[policy.metadata.name], outcome)
            await self._prune(kind, namespace.name, [asked[each] for each in holders], outcome)
        return outcome

    def _respect_others(
        self, kind: str, namespace: str, asked: dict[str, Manifest], outcome: Outcome
    ) -> None:
        """Take out, and note, where what somebody else has written counts in place of ours."""
        others = self._holdings.others(kind, namespace)
        for name in list(asked):
            if others and covers(kind, others.values(), asked[name]["spec"]):
                written = ", ".join(sorted(others))
                outcome.note([name], f"somebody's own {kind} ({written}) counts in place of ours")
                del asked[name]

    def _choose(
        self, kind: str, namespace: str, asked: Mapping[str, Manifest], asking: Asking
    ) -> list[str]:
        """Return the policies whose object of a kind should stand.

        That of a paused one is nobody's to write, so it counts only where it stands.
        """
        own = self._holdings.own(kind, namespace)
        stands = {uid for manifest in own for uid in list_owners(manifest)}
        gone = {each.metadata.name for each in asking.paused if each.metadata.uid not in stands}
        holders = [name for name in asked if name not in gone]
        return holders if kind == QUOTA else holders[:1]

    async def _write(self, policy: HardeningPolicy, manifest: Manifest, outcome: Outcome) -> None:
        name, does = policy.metadata.name, corrects([policy])
        key = Key("namespace", manifest["metadata"]["namespace"])
        try:
            stands = await self._context.writer.keep(manifest, key, corrects=does)
        except KubeError as error:
            outcome.pending.add(name)
            outcome.problems += [] if is_gone(error) else [str(error)]
            return
        self._holdings.note_own(manifest)
        if not stands and not does:
            text = f"the {manifest['kind']} is not as it was written, and stays so (drift: Report)"
            outcome.note([name], text)

    async def _prune(
        self, kind: str, namespace: str, desired: list[Manifest], outcome: Outcome
    ) -> None:
        """Delete what is ours and should not stand."""
        own = self._holdings.own(kind, namespace)
        for seen in self._context.picture.policies.values() if own else ():
            for live in find_stale(desired, own, seen.uid) if seen.is_kept else ():
                try:
                    await self._context.writer.prune(live)
                except KubeError as error:
                    outcome.problems += [] if is_gone(error) else [str(error)]


def _note_contradictions(kind: str, asked: Mapping[str, Manifest], outcome: Outcome) -> None:
    """Note where several policies ask for a thing, and not for the same."""
    specs = [comparable(kind, each["spec"]) for each in asked.values()]
    if any(each != specs[0] for each in specs):
        text = f"{', '.join(asked)} ask for different {kind}s; {_HOLDS[kind]}"
        outcome.conflicts.append((tuple(asked), text))
