"""The audit: all that stands and that some control judges, as admission would; for the status.

Policies apply to what is created after them; this finds what was there before, and what came while
we were down.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from http import HTTPStatus
from typing import Final

from revet.adapters.kube import Collection, KubeError
from revet.core.admission import read_object
from revet.core.audit import Tally, inspect
from revet.core.compiled_policy import Applied, CompiledPolicy, apply
from revet.core.errors import ManifestError
from revet.core.kinds import KINDS, TEMPLATES, Kind
from revet.core.neighbours import NEIGHBOURS, Neighbours, read_neighbour
from revet.operator.context import Context
from revet.operator.picture import Key

_SETTLE_S: Final = 1.0
_NAMESPACE: Final = "Namespace"
#: To list Secrets is to read them all, and no audit is worth that.
_NOT_LISTED: Final = TEMPLATES | {"Secret"}


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
            self._context.queue.add_all(Key("policy", name) for name in self.tallies)

    async def _audit(self) -> None:
        policies = [
            seen.compiled
            for seen in self._context.picture.policies.values()
            if seen.compiled is not None
        ]
        tallies = {policy.name: Tally() for policy in policies}
        if policies:
            where = self._applied(policies)
            around = await self._look_around(policies)
            for kind in _judged_kinds(policies):
                async for data in self._list(kind):
                    self._count(kind, data, where, around, tallies)
        self.tallies = tallies

    def _applied(self, policies: list[CompiledPolicy]) -> dict[str, tuple[Applied, ...]]:
        """Return who judges in each namespace; what is in none has an empty one."""
        system = self._context.settings.system_namespaces
        labels = {each.name: each.labels for each in self._context.picture.namespaces.values()}
        return {name: apply(policies, name, labels.get(name, {}), system) for name in ("", *labels)}

    async def _look_around(self, policies: list[CompiledPolicy]) -> Neighbours:
        """Return what the controls ask for; what could not be listed stays unknown."""
        listed: set[str] = set()
        neighbours = Neighbours(listed.__contains__)
        for name in sorted(frozenset[str]().union(*(each.all_needs for each in policies))):
            async for data in self._list(NEIGHBOURS[name], listed):
                try:
                    neighbours.put(read_neighbour(name, data))
                except ManifestError as error:
                    self._context.log.complain(f"it counts as absent: {error}")
        return neighbours

    async def _list(self, kind: Kind, listed: set[str] | None = None) -> AsyncIterator[bytes]:
        """Yield all objects of a kind; at the end it is among the `listed`, unless refused.

        Raises:
            KubeError: no answer.

        """
        try:
            async for page, _ in self._context.kube.pages(Collection(kind.path)):
                for data in page:
                    yield data
                # A page is worth some milliseconds; reconciliation must not wait for all of them.
                await asyncio.sleep(0)
        except KubeError as error:
            # A custom resource need not be served here.
            if error.status == HTTPStatus.NOT_FOUND:
                return
            if error.status != HTTPStatus.FORBIDDEN:
                raise
            self._context.log.complain(f"{kind.plural} are not audited: {error}")
            return
        if listed is not None:
            listed.add(kind.name)

    def _count(
        self,
        kind: Kind,
        data: bytes,
        where: Mapping[str, tuple[Applied, ...]],
        around: Neighbours,
        tallies: Mapping[str, Tally],
    ) -> None:
        try:
            subject = read_object(kind.group, kind.name, data)
        except ManifestError as error:
            self._context.log.complain(f"an object can't be read, it is not counted: {error}")
            return
        metadata = subject.metadata
        # A Namespace is judged by whoever selects it.
        home = (metadata.name if kind.name == _NAMESPACE else metadata.namespace) or ""
        applied = where.get(home, ())
        if not applied:
            return
        decision = inspect(subject, data, applied, around)
        for each in applied:
            if kind.name in each.policy.judged_kinds:
                tallies[each.policy.name].add(each, subject, home, decision)


def _judged_kinds(policies: Iterable[CompiledPolicy]) -> list[Kind]:
    """Return the kinds to list. Workloads are seen as the pods that they run."""
    judged = frozenset[str]().union(*(policy.judged_kinds for policy in policies))
    return [kind for kind in KINDS if kind.name in judged - _NOT_LISTED]
