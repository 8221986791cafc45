"""The audit: all that stands and that some control judges, as admission would; for the status.

Policies apply to what is created after them; this finds what was there before, and what came while
we were down.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import suppress
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

_PAGE: Final = 100  # a pod may have more than a megabyte
_SETTLE_S: Final = 1.0
_NAMESPACE: Final = "Namespace"
#: To list Secrets is to read them all, and no audit is worth that.
_NOT_LISTED: Final = TEMPLATES | {"Secret"}
_APART_S: Final = 30.0  # however often something changes; but not before a policy's first count
_RESTS: Final = 10.0  # times as long as the last one took: pods are not listed over and over
_AT_ONCE: Final = 25
_AGAIN_S: Final = (5.0, 15.0, 30.0, 60.0)


class Audit:
    """Counts, for each policy, what it selects and what of it is not as it says."""

    def __init__(self, context: Context) -> None:
        """Start without a count."""
        self._context = context
        self._clock = asyncio.get_running_loop().time
        self._wanted = asyncio.Event()
        self._first = asyncio.Event()
        self._ended_at = float("-inf")
        self._took_s = 0.0
        self.tallies: dict[str, Tally] = {}

    def want(self, *, first: bool = False) -> None:
        """Have an audit made soon; sooner where it is the first of a policy, which has no count."""
        self._wanted.set()
        if first:
            self._first.set()

    async def run(self) -> None:
        """Audit when it is wanted, and at the interval at least, until cancelled."""
        failures = 0
        while True:
            await self._wait()
            self._wanted.clear()
            self._first.clear()
            if await self._attempt():
                failures = 0
                self._context.statuses.add_all(Key("status", name) for name in self.tallies)
                continue
            self.want(first=True)
            await asyncio.sleep(_AGAIN_S[min(failures, len(_AGAIN_S) - 1)])
            failures += 1

    async def _wait(self) -> None:
        """Wait until one is wanted, and the last is long enough ago; at most for the interval."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._context.settings.audit_interval_s):
                await self._wanted.wait()
                # Changes come in bursts; one audit serves them all.
                rest_s = self._ended_at + _RESTS * self._took_s - self._clock()
                await asyncio.sleep(max(_SETTLE_S, rest_s))
                async with asyncio.timeout_at(self._ended_at + _APART_S):
                    await self._first.wait()

    async def _attempt(self) -> bool:
        """Make an audit; tell whether it went well."""
        began = self._clock()
        try:
            await self._audit()
        except KubeError as error:
            self._context.log.complain(f"the audit failed, counts stay as they are: {error}")
            return False
        except Exception as error:  # noqa: BLE001 -- the counts must not stop all the rest
            self._context.log.fail(error, about="audit")
            return False
        finally:
            self._ended_at = self._clock()
            self._took_s = self._ended_at - began
        return True

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
                    self._try_to_count(kind, data, where, around, tallies)
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
            async for page, _ in self._context.kube.pages(Collection(kind.path, page=_PAGE)):
                for number, data in enumerate(page, start=1):
                    yield bytes(data)
                    # Some milliseconds' worth; reconciliation must not wait for the whole page.
                    if number % _AT_ONCE == 0:
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

    def _try_to_count(
        self,
        kind: Kind,
        data: bytes,
        where: Mapping[str, tuple[Applied, ...]],
        around: Neighbours,
        tallies: Mapping[str, Tally],
    ) -> None:
        try:
            self._count(kind, data, where, around, tallies)
        except ManifestError as error:
            self._context.log.complain(f"an object can't be read, it is not counted: {error}")
        except Exception as error:  # noqa: BLE001 -- an odd object must not stop the count of all
            self._context.log.fail(error, about="audit")

    def _count(
        self,
        kind: Kind,
        data: bytes,
        where: Mapping[str, tuple[Applied, ...]],
        around: Neighbours,
        tallies: Mapping[str, Tally],
    ) -> None:
        subject = read_object(kind.group, kind.name, data)
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
