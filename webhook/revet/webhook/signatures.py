"""Verifies the signatures of images before core judges them, and remembers what was found.

What is kept is evidence, by digest, trust and rule; each review makes its own verdict of it, so
that a scan grows old here as it does anywhere.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Final, NamedTuple

from revet.adapters.registry.client import Registry
from revet.adapters.registry.error import RegistryError
from revet.core.coverage import is_about
from revet.core.model.image_facts import Fault, RegistryAccess
from revet.core.model.policy_images import Verification
from revet.core.verification import ToVerify
from revet.verify.allowance import Allowance
from revet.verify.error import SignatureError
from revet.verify.rule import Rule
from revet.verify.verdict import Findings, Outcome, conclude, judge_rule
from revet.verify.verifier import Verifier
from revet.webhook.findings import Kept
from revet.webhook.references import References
from revet.webhook.rules import Rules

Connect = Callable[[RegistryAccess, str], Awaitable[Registry]]
Verdict = tuple[tuple[Fault, ...], str]

#: A proof's check holds the interpreter, and reviews wait for it: no two at once are faster.
_THREADS: Final = 1
#: Images of one registry that wait for it.
_MOST_RUNNING: Final = 500
#: The longest that one image has its turn, whatever its registry does.
_LONGEST_S: Final = 60.0
#: What is held of all of them, until it is checked.
_MOST_BYTES: Final = 160 * 1024 * 1024
#: Images of one registry that are looked into at once, in turn: all of them at once would all be
#: half done when the time is up, and none be known. The slowness of one is not the others'.
_MOST_AT_ONCE: Final = 16


class Key(NamedTuple):
    """What tells findings from others: how the registry is reached, the image, by what trust."""

    access: str
    image: str
    trust: str
    has_platforms: bool
    whole: frozenset[str]


class Signatures:
    """Verifies images as policies ask, once for many reviews."""

    def __init__(
        self,
        references: References,
        connect: Connect,
        clock: Callable[[], float],
        now: Callable[[], float],
        complain: Callable[[str], None],
    ) -> None:
        """Set up; `connect` gives a registry client, `clock` is the event loop's.

        `now` gives seconds since 1970; `complain` is told which keys or roots can't be used.
        """
        self._connect = connect
        self._now = now
        self._kept = Kept(clock)
        self._running: dict[Key, asyncio.Task[Findings]] = {}
        self._turns: dict[str, asyncio.Semaphore] = {}
        self._executor = ThreadPoolExecutor(_THREADS, "signatures")
        self.rules = Rules(references, complain, self._executor)
        self._allowance = Allowance(_MOST_BYTES)

    async def tell(
        self, wanted: Sequence[ToVerify], deadline: float
    ) -> tuple[Mapping[tuple[str, str], tuple[Fault, ...]], list[str]]:
        """Say what is wrong with each image, and what is said of it as of some time ago."""
        faults: dict[tuple[str, str], tuple[Fault, ...]] = {}
        waiting: list[ToVerify] = []
        for each in wanted:
            known = self._recall_all(each)
            if known is None:
                waiting.append(each)
            else:
                faults[each.demand.key, each.image] = known
        # Mostly there is nobody to wait for: no task is then made.
        asked = (self._tell(each, deadline) for each in waiting)
        answers = await asyncio.gather(*asked) if waiting else ()
        for each, (found, _) in zip(waiting, answers, strict=True):
            faults[each.demand.key, each.image] = found
        return faults, [stale for _, stale in answers if stale]

    async def close(self) -> None:
        """Stop asking."""
        for task in self._running.values():
            task.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _recall_all(self, wanted: ToVerify) -> tuple[Fault, ...] | None:
        """Judge an image by what was found a while ago; None where somebody must be asked."""
        faults: list[Fault] = []
        for each in wanted.demand.verifications:
            if is_about(each, wanted.reference):
                found = self._recall(each, wanted)
                if found is None:
                    return None
                faults += found
        return tuple(faults)

    def _recall(self, item: Verification, wanted: ToVerify) -> tuple[Fault, ...] | None:
        rule = self.rules.ready(wanted.demand, item)
        known = self._kept.find(_key(wanted, rule)) if rule is not None else None
        if rule is None or known is None or not known.is_fresh:
            return None
        found = self._conclude(rule, known.findings)
        # What was refused is soon asked again.
        return found if known.is_new or not found else None

    async def _tell(self, wanted: ToVerify, deadline: float) -> Verdict:
        faults: list[Fault] = []
        stale: list[str] = []
        for each in wanted.demand.verifications:
            if is_about(each, wanted.reference):
                found, old = await self._judge(each, wanted, deadline)
                faults += found
                stale += [old] if old else []
        return tuple(faults), "; ".join(stale)

    async def _judge(self, item: Verification, wanted: ToVerify, deadline: float) -> Verdict:
        host = _host(wanted.image)
        try:
            async with asyncio.timeout_at(deadline):
                rule = await self.rules.rule(wanted.demand, item)
                known = self._recall(item, wanted)
                if known is not None:
                    return known, ""
                key = _key(wanted, rule)
                try:
                    found = self._conclude(rule, await self._find(rule, wanted, key))
                except RegistryError as error:
                    return self._fall_back(rule, wanted, str(error))
                unknown = [fault.text for fault in found if fault.is_unknown]
                if not unknown:
                    return found, ""
                return self._fall_back(rule, wanted, "; ".join(unknown))
        except SignatureError as error:
            return (Fault(f'rule "{item.name}": {error}', is_unknown=True),), ""
        except TimeoutError:
            return self._late(item, wanted, f"{host}: gave no answer in time")

    def _late(self, item: Verification, wanted: ToVerify, problem: str) -> Verdict:
        rule = self.rules.last(wanted.demand, item)
        if rule is None:
            return (Fault(f'rule "{item.name}": {problem}', is_unknown=True),), ""
        return self._fall_back(rule, wanted, problem)

    def _fall_back(self, rule: Rule, wanted: ToVerify, problem: str) -> Verdict:
        """Judge by what was found last, if all was well with that."""
        key = _key(wanted, rule)
        known = self._kept.find(key) if wanted.takes_old else None
        if known is not None and not self._conclude(rule, known.findings):
            age = f"{known.age_s / 60:.0f} min"
            return (), f"{key.image} was verified {age} ago, since {problem}"
        return (Fault(f'rule "{rule.name}": {problem}', is_unknown=True),), ""

    def _conclude(self, rule: Rule, findings: Findings) -> tuple[Fault, ...]:
        steps = judge_rule(rule, findings, self._tell_time())
        if conclude(steps) is Outcome.VERIFIED:
            return ()
        return tuple(
            Fault(each.text, each.outcome is Outcome.UNKNOWN)
            for each in steps
            if each.outcome is not Outcome.VERIFIED
        )

    async def _find(self, rule: Rule, wanted: ToVerify, key: Key) -> Findings:
        """Ask the registry; who gives up waiting stops nobody."""
        task = self._running.get(key)
        if task is None:
            host = _host(key.image)
            if sum(_host(each.image) == host for each in self._running) >= _MOST_RUNNING:
                raise RegistryError(host, 0, "too many of its images are verified at once")
            task = asyncio.ensure_future(self._ask(rule, wanted, key))
            self._running[key] = task
            task.add_done_callback(lambda done: self._end(key, done))
        return await asyncio.shield(task)

    async def _ask(self, rule: Rule, wanted: ToVerify, key: Key) -> Findings:
        host = _host(wanted.image)
        turn = self._turns.setdefault(host, asyncio.Semaphore(_MOST_AT_ONCE))
        async with turn, asyncio.timeout(_LONGEST_S):
            registry = await self._connect(wanted.demand.access, host)
            verifier = Verifier(registry, self._tell_time, self._executor, self._allowance)
            name, _, digest = wanted.image.partition("@")
            findings = await verifier.find(rule, name, digest)
        self._kept.put(key, findings)
        return findings

    def _tell_time(self) -> datetime:
        return datetime.fromtimestamp(self._now(), UTC)

    def _end(self, key: Key, task: asyncio.Task[Findings]) -> None:
        del self._running[key]
        if not task.cancelled():
            task.exception()  # who waited has it; that nobody did is no error


def _host(image: str) -> str:
    return image.partition("/")[0]


def _key(wanted: ToVerify, rule: Rule) -> Key:
    # EveryPlatform looks at more than the image: what was found for the one is not the other's.
    # Nor is what was left out of predicates, where one rule asks for fields of them.
    has_platforms = rule.is_every_platform and bool(rule.wants)
    access = wanted.demand.access.key
    return Key(access, wanted.image, rule.trust.id, has_platforms, rule.custom_types)
