"""The rounds of running images: each is verified again, once in a period.

What runs may have been admitted before there was a policy, and a scan that was in time grows old.
The webhook verifies, as at admission; here is kept what runs where, when its turn comes, and what
was found. Nothing is evicted: the audit reports it.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

from revet.core.compiled_policy import Applied
from revet.core.image import host_of
from revet.core.last_found import LastFound, Result, describe, since
from revet.core.ledger import Place
from revet.core.model.condition import Truth
from revet.core.model.image_facts import NOT_ASKED, Fault, ImageFacts
from revet.core.running import Running, find_running, list_running
from revet.core.verification import ToVerify
from revet.core.workload import Subject
from revet.operator.context import Context
from revet.operator.inquiry import Answer, Untold
from revet.operator.roster import Roster

#: So many are asked about at once, and one begins so long after the other: at a start, too.
_AT_ONCE: Final = 4
_GAP_S: Final = 0.25
#: Of one registry; one that is slow must not hold up the images of others.
_MOST_OF_ONE: Final = 2
_BUSY_S: Final = 1.0
#: Where there was nobody to ask, or nobody who knew of the policy yet.
_SOON_S: Final = 10.0
#: A verdict that was not renewed for two periods and this does not count any more.
_GRACE_S: Final = 600.0
_MOST: Final = 20_000
_TOO_MANY: Final = (Fault(f"no more than {_MOST} images that run are verified", is_unknown=True),)

At = tuple[str, Place]


class Asker(Protocol):
    """Whoever can be asked what is wrong with an image."""

    async def ask(self, wanted: ToVerify) -> Answer:
        """Say what is wrong with an image, or why that can't be told."""

    async def close(self) -> None:
        """Let go of all connections."""


class Nobody:
    """Where nobody can be asked."""

    async def ask(self, wanted: ToVerify) -> Answer:
        """Say so."""
        return Untold(f"nobody is there to be asked about {wanted.image}", is_nobody=True)

    async def close(self) -> None:
        """Have nothing to let go of."""


@dataclass(slots=True)
class _Image:
    """What was found of an image, and where it runs, by the policies that ask for it there."""

    last: LastFound = field(default_factory=LastFound)
    places: dict[At, frozenset[str]] = field(default_factory=dict[At, frozenset[str]])


class Rounds:
    """Goes round the images that run, and knows what was found of each."""

    def __init__(
        self, context: Context, asker: Asker, touched: Callable[[str, Place], None]
    ) -> None:
        """Set up; `touched` is told which objects are to be judged anew."""
        self._context = context
        self._asker = asker
        self._touched = touched
        self._period_s = context.settings.image_interval_s
        self._clock = asyncio.get_running_loop().time
        self._roster = Roster(self._period_s)
        self._images: dict[ToVerify, _Image] = {}
        self._by_place: dict[At, tuple[ToVerify, ...]] = {}
        self._news = asyncio.Event()
        self._answered = asyncio.Event()
        self._turn = asyncio.Lock()
        self._asking: Counter[str] = Counter()
        self._not_before = 0.0
        self._problem = ""
        context.metrics.images.follow(self.count, self._age_s, self._count_late)

    def see(
        self, at: At, subject: Subject, document: bytes, applied: Sequence[Applied]
    ) -> ImageFacts:
        """Take in what runs in a pod; return what is known of it."""
        if all(each.policy.demand is None for each in applied):
            self.forget(at)
            return NOT_ASKED
        pod = subject.pod()
        digests = find_running(pod, document)
        wanted: dict[ToVerify, set[str]] = {}
        for policy, each in list_running(pod, applied, digests):
            wanted.setdefault(each, set()).add(policy)
        self._note(at, wanted)
        faults: dict[tuple[str, str], tuple[Fault, ...]] = {}
        for each in wanted:
            place = (each.demand.key, each.image)
            # By two of its tags an image may break different rules.
            faults[place] = tuple(dict.fromkeys((*faults.get(place, ()), *self._tell(each))))
        return Running(digests, faults)

    def forget(self, at: At) -> None:
        """Take in that a pod is gone, or is nobody's concern."""
        if at in self._by_place:
            self._note(at, {})

    def told(self, policy: str) -> tuple[Truth, str, str]:
        """Return what there is to say of all images that a policy asks signatures of."""
        found = (
            (each.reference, image.last)
            for each, image in self._images.items()
            if any(policy in names for names in image.places.values())
        )
        return describe(found, self._since())

    def count(self) -> Counter[Result]:
        """Count the images by how it stands with them."""
        return Counter(each.last.result(self._since()) for each in self._images.values())

    async def settle(self, at_most_s: float) -> None:
        """Wait until every image has had its first turn, or nobody is there to be asked."""
        with suppress(TimeoutError):
            async with asyncio.timeout(at_most_s):
                while self.count()[Result.PENDING] and not self._problem:
                    self._answered.clear()
                    await self._answered.wait()

    async def run(self) -> None:
        """Ask about one image after the other, until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                for _ in range(_AT_ONCE):
                    tasks.create_task(self._work())
        finally:
            await self._asker.close()

    async def _work(self) -> None:
        while True:
            image = await self._next()
            self._asking[host_of(image.image)] += 1
            try:
                answer = await self._asker.ask(image)
            finally:
                self._asking[host_of(image.image)] -= 1
            self._take(image, answer)
            self._answered.set()

    async def _next(self) -> ToVerify:
        async with self._turn:
            while True:
                self._news.clear()
                at = max(self._roster.next_due(), self._not_before)
                wait_s = at - self._clock()
                if wait_s <= 0:
                    image = self._roster.take()
                    if self._asking[host_of(image.image)] < _MOST_OF_ONE:
                        self._not_before = self._clock() + _GAP_S
                        return image
                    self._roster.put_off(image, self._clock() + _BUSY_S)
                    # There may be thousands of a registry: the Lease must have its turn.
                    await asyncio.sleep(0)
                    continue
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait_s if wait_s < float("inf") else None):
                        await self._news.wait()

    def _take(self, wanted: ToVerify, answer: Answer) -> None:
        """Keep what was answered, and have judged anew the pods to which that is news."""
        image = self._images.get(wanted)
        if image is None:
            return  # it runs no more
        now = self._clock()
        if isinstance(answer, Untold):
            self._roster.put_off(wanted, now + _SOON_S)
            if answer.is_nobody:
                self._not_before = max(self._not_before, now + _SOON_S)
            self._complain(answer.problem)
            return
        self._problem = ""
        before, is_first = self._tell(wanted), image.last.faults is None
        image.last.take(answer, self._context.now())
        is_told = not any(each.is_unknown for each in answer)
        self._roster.put_back(wanted, now, is_first=is_first, is_told=is_told)
        if self._tell(wanted) != before:
            for home, place in image.places:
                self._touched(home, place)

    def _complain(self, problem: str) -> None:
        if problem != self._problem:
            self._context.log.complain(f"running images can't be verified: {problem}")
        self._problem = problem

    def _note(self, at: At, wanted: Mapping[ToVerify, set[str]]) -> None:
        for gone in set(self._by_place.get(at, ())) - wanted.keys():
            image = self._images[gone]
            del image.places[at]
            if not image.places:
                del self._images[gone]
                self._roster.drop(gone)
        kept = tuple(self._keep(at, wanted))
        if kept:
            self._by_place[at] = kept
        else:
            self._by_place.pop(at, None)

    def _keep(self, at: At, wanted: Mapping[ToVerify, set[str]]) -> Iterator[ToVerify]:
        for each, policies in wanted.items():
            image = self._images.get(each)
            if image is None:
                if len(self._images) >= _MOST:
                    continue
                image = self._images[each] = _Image()
                self._roster.add(each, self._clock())
                self._news.set()
            image.places[at] = frozenset(policies)
            yield each

    def _tell(self, wanted: ToVerify) -> tuple[Fault, ...]:
        image = self._images.get(wanted)
        return image.last.tell(self._since()) if image is not None else _TOO_MANY

    def _since(self) -> datetime:
        return since(self._context.now(), 2 * self._period_s + _GRACE_S)

    def _age_s(self) -> float:
        told = [each.last.at for each in self._images.values() if each.last.at is not None]
        return (self._context.now() - min(told)).total_seconds() if told else float("nan")

    def _count_late(self) -> float:
        return self._roster.count_late(self._clock())
