"""Keeps the NetworkPolicies of one policy, in every namespace that it selects."""

from collections.abc import Sequence

from revet.adapters.kube import KubeError
from revet.core.model.meta import BREAK_GLASS_LABEL, Manifest
from revet.core.plan import plan
from revet.core.render.networkpolicy import network_policies
from revet.operator.context import Context
from revet.operator.picture import Key, NamespaceSeen, PolicySeen
from revet.operator.writer import is_gone

_KIND = "NetworkPolicy"


class Isolation:
    """Keeps NetworkPolicies."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def keep(self, seen: PolicySeen, selected: Sequence[NamespaceSeen]) -> list[str]:
        """See that they stand where the policy asks for them; return where they do.

        System namespaces get none, and while break-glass is open nothing is put back.

        Raises:
            KubeError: one could not be written; the others were tried all the same.

        """
        if seen.policy is None:
            return []
        system = self._context.settings.system_namespaces
        places = [
            each
            for each in selected
            if each.name not in system
            and not each.is_terminating
            and BREAK_GLASS_LABEL not in each.labels
        ]
        desired = {each.name: network_policies(seen.policy, each.name) for each in places}
        standing, problems = await self._write(seen, desired)
        wanted = [manifest for manifests in desired.values() for manifest in manifests]
        open_ = {each.name for each in selected if BREAK_GLASS_LABEL in each.labels}
        for live in plan(wanted, self._context.picture.owned(_KIND, seen.uid), seen.uid).prune:
            if live["metadata"]["namespace"] not in open_:
                await self._context.writer.prune(live)
        if problems:
            raise KubeError("; ".join(problems))
        return standing

    async def _write(
        self, seen: PolicySeen, desired: dict[str, list[Manifest]]
    ) -> tuple[list[str], list[str]]:
        standing: list[str] = []
        problems: list[str] = []
        for namespace, manifests in desired.items():
            try:
                # What is allowed comes before the default deny: no request is cut in between.
                for manifest in reversed(manifests):
                    await self._context.writer.keep(manifest, Key("policy", seen.name))
            except KubeError as error:
                if not is_gone(error):
                    problems.append(str(error))
                continue
            if manifests:
                standing.append(namespace)
        return standing, problems
