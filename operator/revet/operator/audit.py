"""The audit: all that stands and that some control judges, as admission would; for the status.

Policies apply to what is created after them; this finds what was there before, and what came while
we were down. What changes is judged when it does; all of it again now and then.
"""

import asyncio
from collections.abc import Collection, Iterable
from contextlib import suppress
from typing import Final

from revet.core.admission import read_object
from revet.core.audit import Record, Tally, inspect, note
from revet.core.compiled_policy import Applied, CompiledPolicy, apply
from revet.core.errors import ManifestError
from revet.core.kinds import BY_NAME, TEMPLATES
from revet.core.ledger import Ledger, Place
from revet.core.model.condition import Truth
from revet.core.model.image_facts import NOT_ASKED
from revet.core.workload import Subject
from revet.operator.context import Context
from revet.operator.picture import Key
from revet.operator.reports import Reports
from revet.operator.rounds import Asker, Nobody, Rounds
from revet.operator.sightings import Sightings

#: To list Secrets is to read them all, and no audit is worth that.
_NOT_WATCHED: Final = TEMPLATES | {"Secret"}
_SETTLE_S: Final = 0.5  # changes come in bursts
_UNTOLD_S: Final = 30.0  # what policies ask for is written first
_TOLD_S: Final = 10.0  # between two counts of everything
_RARELY: Final = 20.0  # times as long as to count took
_RESTS: Final = 0.2  # times as long as the last namespace took: others need their turn
_SWEEP_S: Final = 60.0  # nobody waits for what nobody has changed
_AT_ONCE: Final = 25
_FIRST_ROUND_S: Final = 30.0


class Audit:
    """Counts, for each policy, what it selects and what of it is not as it says."""

    def __init__(self, context: Context, asker: Asker | None = None) -> None:
        """Start without a count; `asker` tells of images that run."""
        self._context = context
        self._clock = asyncio.get_running_loop().time
        self.ledger = Ledger()
        self._reports = Reports(context, self.ledger)
        self._rounds = Rounds(context, asker or Nobody(), self._touch)
        self._seen = Sightings(self._touch, context.log.complain, context.feeds)
        #: What is to be judged, by namespace: some objects, or None for all of them.
        self._due: dict[str, set[Place] | None] = {}
        self._news = asyncio.Event()
        self._applied: dict[str, tuple[Applied, ...]] = {}
        self._judged: set[str] = set()
        #: Policies of which something new was found since they were counted.
        self._stale: set[str] = set()
        self._counted_at = float("-inf")
        self._told_s = _TOLD_S
        self._is_open = False
        self._drained = asyncio.Event()
        self._first = asyncio.Event()
        self.tallies: dict[str, Tally] = {}
        context.metrics.audit.age.set_function(lambda: self._clock() - self._ended_at)
        self._ended_at = float("nan")

    def look_again(self, namespaces: Iterable[str]) -> None:
        """Have namespaces judged anew: a policy, or what it selects, is not what it was."""
        policies = self._policies()
        self._seen.want(
            frozenset[str]().union(*(each.judged_kinds for each in policies)) - _NOT_WATCHED,
            frozenset[str]().union(*(each.all_needs for each in policies)),
        )
        gone = self.tallies.keys() - {each.name for each in policies}
        for name in gone:
            del self.tallies[name]
            self._context.metrics.audit.forget(name)
        if new := {each.name for each in policies} - self.tallies.keys():
            self._stale |= new
            self._first.set()
        for namespace in namespaces:
            self._applied.pop(namespace, None)
            self._touch(namespace, None)

    async def run(self) -> None:
        """Judge what is due, all of it now and then, and report it, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._work())
            tasks.create_task(self._tell())
            tasks.create_task(self._sweep())
            tasks.create_task(self._reports.run())
            tasks.create_task(self._rounds.run())

    def images_told(self, policy: str) -> tuple[Truth, str, str] | None:
        """Return what there is to say of the images that run; None before the first count.

        None, too, where a policy asks nothing of them.
        """
        asks = any(each.name == policy and each.demand is not None for each in self._policies())
        return self._rounds.told(policy) if asks and policy in self.tallies else None

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(self._context.settings.audit_interval_s)
            namespaces = self._seen.shelf.namespaces
            for namespace in namespaces:
                self._touch(namespace, None)
                await asyncio.sleep(_SWEEP_S / len(namespaces))

    async def _work(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            await asyncio.sleep(_SETTLE_S)
            await self._context.queue.rest(_UNTOLD_S)
            await self._seen.wait()
            await self._judge_all()

    async def _judge_all(self) -> None:
        """Judge until nothing is due."""
        began = self._clock()
        await self._drain()
        if not self._is_open:
            # Else each start would take back what was told, and tell it again a moment later.
            await self._rounds.settle(_FIRST_ROUND_S)
            await self._drain()
            self._is_open = True
        selected = {each for each in self._seen.shelf.namespaces if self._applies(each)}
        if selected and self._judged.issuperset(selected):
            self._judged.clear()
            self._ended_at = self._clock()
            self._context.metrics.audit.duration.set(self._ended_at - began)
        # What is found is whole from now on, and there is a report for all that there should be.
        self._reports.open()
        self._drained.set()

    async def _drain(self) -> None:
        while self._due:
            # A policy that has just come may ask for kinds that nobody has read before.
            await self._seen.wait()
            namespace = next(iter(self._due))
            places = self._due.pop(namespace)
            before = self._clock()
            await self._judge_namespace(namespace, places)
            await asyncio.sleep((self._clock() - before) * _RESTS)

    async def _tell(self) -> None:
        """Count when all is judged, not too often; but a policy that has no count gets one."""
        while True:
            await self._drained.wait()
            self._drained.clear()
            wait_s = self._counted_at + self._told_s - self._clock()
            if wait_s > 0 and self._stale <= self.tallies.keys():
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await self._first.wait()
            self._first.clear()
            if self._due and self._stale:
                self._counted_at = float("-inf")
            elif self._stale:
                await self._count()

    async def _count(self) -> None:
        """Count anew what has changed, and have it told."""
        began = self._clock()
        stale, self._stale = self._stale, set()
        for policy in stale:
            tally = Tally()
            for number, tally in enumerate(self.ledger.tally(policy)):  # noqa: B007 -- the last one counts
                if number % _AT_ONCE == 0:
                    await asyncio.sleep(0)
            if policy not in self._context.picture.policies:
                continue
            self.tallies[policy] = tally
            self._context.metrics.audit.note(policy, tally.findings)
            self._context.statuses.add(Key("status", policy))
        self._told_s = max(_TOLD_S, _RARELY * (self._clock() - began))
        self._counted_at = self._clock()

    async def _judge_namespace(self, namespace: str, places: Collection[Place] | None) -> None:
        there = {*self._seen.shelf.places(namespace), *self.ledger.places(namespace)}
        places = there if places is None else places
        if there.issubset(places):
            self._judged.add(namespace)
        applied = self._applies(namespace)
        for number, place in enumerate(places, start=1):
            news = self._judge(namespace, place, applied)
            self._stale |= news
            for policy in news:
                self._reports.mark(policy, namespace)
            # Some milliseconds' worth; reconciliation must not wait for a whole namespace.
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)

    def _judge(self, namespace: str, place: Place, applied: tuple[Applied, ...]) -> set[str]:
        """Judge an object as it is now; return the policies to which that is news."""
        concerned = [each for each in applied if place[0] in each.policy.judged_kinds]
        data = self._seen.shelf.get(namespace, place) if concerned else None
        if data is None:
            return self._drop(namespace, place)
        try:
            records = self._inspect(namespace, place, data, applied, concerned)
        except ManifestError as error:
            self._context.log.complain(f"an object can't be read, it is not counted: {error}")
            return self._drop(namespace, place)
        except Exception as error:  # noqa: BLE001 -- an odd object must not stop the count of all
            self._context.log.fail(error, about="audit")
            return self._drop(namespace, place)
        return self.ledger.put(namespace, place, records)

    def _drop(self, namespace: str, place: Place) -> set[str]:
        self._rounds.forget((namespace, place))
        return self.ledger.drop(namespace, place)

    def _inspect(
        self,
        namespace: str,
        place: Place,
        data: bytes,
        applied: tuple[Applied, ...],
        concerned: list[Applied],
    ) -> list[Record]:
        kind = BY_NAME[place[0]]
        subject = read_object(kind.group, kind.name, data)
        images = NOT_ASKED
        if isinstance(subject, Subject):
            images = self._rounds.see((namespace, place), subject, data, applied)
        decision = inspect(subject, data, applied, self._seen.neighbours, images=images)
        noted = (note(each, subject, namespace, decision) for each in concerned)
        return [record for record in noted if record is not None]

    def _touch(self, namespace: str, place: Place | None) -> None:
        if place is None:
            self._due[namespace] = None
        elif (known := self._due.setdefault(namespace, set())) is not None:
            known.add(place)
        self._news.set()

    def _applies(self, namespace: str) -> tuple[Applied, ...]:
        """Return who judges in a namespace; nobody does in one that is not seen."""
        known = self._applied.get(namespace)
        if known is None:
            seen = self._context.picture.namespaces.get(namespace)
            if namespace and seen is None:
                return ()
            labels = seen.labels if seen else {}
            system = self._context.settings.system_namespaces
            known = apply(self._policies(), namespace, labels, system)
            self._applied[namespace] = known
        return known

    def _policies(self) -> list[CompiledPolicy]:
        policies = self._context.picture.policies.values()
        return [seen.compiled for seen in policies if seen.compiled is not None]
