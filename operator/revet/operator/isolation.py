"""Keeps the NetworkPolicies of one policy, in every namespace that it selects."""

from collections.abc import Sequence
from typing import Final

from revet.adapters.kube import KubeError
from revet.core.model.meta import BREAK_GLASS_LABEL, Manifest
from revet.core.plan import find_stale
from revet.core.render.networkpolicy import network_policies
from revet.operator.context import Context
from revet.operator.lanes import run_in_lanes
from revet.operator.picture import Key, NamespaceSeen, PolicySeen
from revet.operator.writer import is_gone

_KIND: Final = "NetworkPolicy"
_LANES: Final = 8  # of one policy, and several policies are under way


class Isolation:
    """Keeps NetworkPolicies."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def keep(
        self, seen: PolicySeen, selected: Sequence[NamespaceSeen]
    ) -> tuple[list[str], list[str]]:
        """See that they stand where the policy asks for them; return where they do, and problems.

        What can't be written, or deleted, keeps nothing else from being so.
        """
        if seen.policy is None:
            return [], []
        spared = self.spared(selected)
        desired = {
            each.name: network_policies(seen.policy, each.name)
            for each in selected
            if each.name not in spared
        }
        standing, problems = await self._write(seen, desired)
        wanted = [manifest for manifests in desired.values() for manifest in manifests]
        left = {each.name for each in selected if BREAK_GLASS_LABEL in each.labels}
        owned = self._context.picture.owned(_KIND, seen.uid)
        for live in find_stale(wanted, owned, seen.uid):
            if live["metadata"]["namespace"] in left:
                continue
            try:
                await self._context.writer.prune(live)
            except KubeError as error:
                problems.append(str(error))
        return standing, problems

    def spared(self, selected: Sequence[NamespaceSeen]) -> dict[str, str]:
        """Return the namespaces in which nothing is written, each with the reason."""
        reasons = {each.name: self._reason(each) for each in selected}
        return {name: reason for name, reason in reasons.items() if reason}

    def _reason(self, namespace: NamespaceSeen) -> str:
        if namespace.name in self._context.settings.system_namespaces:
            return "a system namespace"
        return namespace.hands_off

    async def _write(
        self, seen: PolicySeen, desired: dict[str, list[Manifest]]
    ) -> tuple[list[str], list[str]]:
        standing: list[str] = []
        problems: list[str] = []

        async def write(namespace: str) -> None:
            manifests = desired[namespace]
            try:
                # What is allowed comes before the default deny: no request is cut in between.
                for manifest in reversed(manifests):
                    await self._context.writer.keep(manifest, Key("policy", seen.name))
            except KubeError as error:
                if not is_gone(error):
                    problems.append(str(error))
                return
            if manifests:
                standing.append(namespace)

        await run_in_lanes(desired, write, _LANES)
        return sorted(standing), problems
