"""The audit: every pod that runs, judged as admission would judge it, counted for the status.

Policies apply to what is created after them; this finds what was there before, and what came while
we were down.
"""

import asyncio
from traceback import format_exception
from typing import Final

from revet.adapters.kube import Collection, KubeError
from revet.adapters.objects import path_of
from revet.core.audit import Tally, inspect
from revet.core.compiled_policy import Applied, CompiledPolicy, apply
from revet.core.errors import ManifestError
from revet.core.workload import read
from revet.operator.context import Context
from revet.operator.picture import Key

_SETTLE_S: Final = 1.0


class Audit:
    """Counts, for each policy, what it selects and what of it is not as it says."""

    def __init__(self, context: Context) -> None:
        """Start without a count."""
        self._context = context
        self._wanted = asyncio.Event()
        self.tallies: dict[str, Tally] = {}

    def want(self) -> None:
        """Have an audit made soon: a policy or a namespace has changed."""
        self._wanted.set()

    async def run(self) -> None:
        """Audit when it is wanted, and at the interval at least, until cancelled."""
        interval_s = self._context.settings.audit_interval_s
        while True:
            try:
                async with asyncio.timeout(interval_s):
                    await self._wanted.wait()
                # Changes come in bursts; one audit serves them all.
                await asyncio.sleep(_SETTLE_S)
            except TimeoutError:
                pass
            self._wanted.clear()
            try:
                await self._audit()
            except KubeError as error:
                self._context.log.complain(f"the audit failed, counts stay as they are: {error}")
                continue
            self._context.statuses.add_all(Key("status", name) for name in self.tallies)

    async def _audit(self) -> None:
        policies = [
            seen.compiled
            for seen in self._context.picture.policies.values()
            if seen.compiled is not None
        ]
        tallies = {policy.name: Tally() for policy in policies}
        if policies:
            where = self._applied(policies)
            async for page, _ in self._context.kube.pages(Collection(path_of("Pod"))):
                for data in page:
                    self._try_to_count(data, where, tallies)
                # A page is worth some milliseconds; reconciliation must not wait for all of them.
                await asyncio.sleep(0)
        self.tallies = tallies

    def _applied(self, policies: list[CompiledPolicy]) -> dict[str, tuple[Applied, ...]]:
        system = self._context.settings.system_namespaces
        return {
            namespace.name: apply(policies, namespace.name, namespace.labels, system)
            for namespace in self._context.picture.namespaces.values()
        }

    def _try_to_count(
        self, data: bytes, where: dict[str, tuple[Applied, ...]], tallies: dict[str, Tally]
    ) -> None:
        try:
            self._count(data, where, tallies)
        except ManifestError as error:
            self._context.log.complain(f"a pod can't be read, it is not counted: {error}")
        except Exception as error:  # noqa: BLE001 -- one odd pod must not stop the count of all
            self._context.log.write("failed", about="audit", trace="".join(format_exception(error)))

    def _count(
        self, data: bytes, where: dict[str, tuple[Applied, ...]], tallies: dict[str, Tally]
    ) -> None:
        subject = read("", "Pod", data)
        namespace = subject.metadata.namespace or ""
        applied = where.get(namespace, ())
        if not applied:
            return
        decision = inspect(subject, data, applied)
        for each in applied:
            tallies[each.policy.name].add(each, subject, namespace, decision)
