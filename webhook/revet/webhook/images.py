"""Asks registries what a review needs to know of its images, before core judges it.

A pod that nobody pins, or that has all its digests, never comes here.
"""

import asyncio
import gc
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from revet.adapters.kube import Kube
from revet.adapters.registry.client import Digest, Registry
from revet.adapters.registry.credentials import Several
from revet.adapters.registry.error import RegistryError
from revet.adapters.registry.tags import Known, Tags
from revet.core.admission import Request, ask, list_unverified
from revet.core.compiled_policy import Applied, CompiledPolicy
from revet.core.coverage import name_image
from revet.core.image import canonical_name, host_of, split_reference
from revet.core.model.image_facts import (
    Absent,
    Answer,
    Demand,
    Fault,
    RegistryAccess,
    Resolved,
    Told,
    Unknown,
)
from revet.core.pinning import Question
from revet.core.verification import ToVerify, identify
from revet.webhook.key_references import list_key_references
from revet.webhook.logins import PodLogin, PodLogins
from revet.webhook.reach import Reach, host_references
from revet.webhook.references import References

if TYPE_CHECKING:
    from revet.webhook.signatures import Signatures

#: How many references one review may ask about: a pod of 500 containers must not make us a cannon.
MOST_QUESTIONS: Final = 32
#: Longer than any request takes.
_GRACE_S: Final = 30.0


class Puller(NamedTuple):
    """Whose pull secrets may be used: a namespace, and the names in it."""

    namespace: str
    names: tuple[str, ...] = ()


_NOBODY: Final = Puller("")


class _Key(NamedTuple):
    """What tells one question from another: what is known to one puller is not told to all."""

    access: str
    puller: Puller
    image: str


class ImageSource(Protocol):
    """Brings what registries say; never fails, but may not know."""

    @property
    def signers(self) -> Mapping[str, str]:
        """Which keys and roots of a policy, by uid, can't be used; empty where all can."""

    async def complete(
        self, request: Request, applied: Sequence[Applied], deadline: float, *, mutating: bool
    ) -> Request:
        """Return the request with what was asked of its images by `deadline` (the loop's clock)."""


class Images:
    """Asks registries, as policies say, and remembers what tags stand for."""

    def __init__(
        self,
        kube: Kube,
        references: References,
        clock: Callable[[], float],
        now: Callable[[], float],
        count: Callable[[str], None],
        complain: Callable[[str], None],
    ) -> None:
        """Set up; `clock` is the event loop's, `now` gives seconds since 1970.

        `count` is told how each question was answered, `complain` what policies name in vain.
        """
        self._complain = complain
        self._signatures: Signatures | None = None
        self._now = now
        self._references = references
        self._clock = clock
        self._count = count
        self._tags = Tags(clock)
        self._logins = PodLogins(kube, clock)
        self._reaches: dict[str, Reach] = {}
        self._closing: dict[Registry, asyncio.Task[None]] = {}
        self._demands: dict[str, Demand] = {}
        self._news = asyncio.Event()
        references.tell = self._news.set
        #: Which keys and roots of a policy, by uid, can't be used; empty where all can.
        self.signers: Mapping[str, str] = {}

    def want(self, policies: Iterable[CompiledPolicy]) -> None:
        """Say by which policies is judged from now on."""
        policies = list(policies)
        accesses = [each.pins for each in policies if each.pins is not None]
        self._demands = {each.uid: each.demand for each in policies if each.demand is not None}
        accesses += [each.access for each in self._demands.values()]
        if self._signatures is not None:
            self._signatures.rules.keep({each.key for each in self._demands.values()})
        self._news.set()
        hosts = (host for access in accesses for host in access.hosts)
        self._references.want([*host_references(hosts), *list_key_references(policies)])
        keys = {each.key for each in accesses}
        for key in self._reaches.keys() - keys:
            self._reaches.pop(key).end()

    async def follow(self) -> None:
        """Have keys and roots ready, as policies and what they name change, until cancelled."""
        while True:
            await self._news.wait()
            self._news.clear()
            signers: dict[str, str] = {}
            for uid, demand in self._demands.items():
                signatures = self._signatures or await self._load()
                signers[uid] = await signatures.rules.refresh(demand)
            self.signers = signers

    async def complete(
        self, request: Request, applied: Sequence[Applied], deadline: float, *, mutating: bool
    ) -> Request:
        """Ask what the policies need to know of a pod, or of a template; mostly that is nothing."""
        request = replace(request, now=self._now())
        questions = ask(request, applied, mutating=mutating)
        if questions:
            puller = Puller(request.subject.metadata.namespace or "", request.pull_secrets)
            request = replace(request, images=await self.tell(questions, puller, deadline))
        wanted = list_unverified(request, applied, mutating=mutating)
        return await self._verify(request, wanted, deadline) if wanted else request

    async def _verify(
        self, request: Request, wanted: Sequence[ToVerify], deadline: float
    ) -> Request:
        signatures = self._signatures or await self._load()
        asked, beyond = wanted[:MOST_QUESTIONS], wanted[MOST_QUESTIONS:]
        faults, stale = await signatures.tell(asked, deadline)
        most = Fault(f"no more than {MOST_QUESTIONS} images are looked up for one object", True)
        more = {(each.demand.key, each.image): (most,) for each in beyond}
        told = request.images if isinstance(request.images, Told) else Told({})
        return replace(request, images=told.joined({**more, **faults}, stale))

    def find_demand(self, identity: str) -> Demand | None:
        """Return what a policy asks of signatures, by what tells it from others."""
        found = (each for each in self._demands.values() if identify(each) == identity)
        return next(found, None)

    async def judge(self, demand: Demand, reference: str, deadline: float) -> tuple[Fault, ...]:
        """Say what is wrong with an image that runs; what was found some time ago won't do."""
        wanted = ToVerify(demand, name_image(reference), reference, takes_old=False)
        signatures = self._signatures or await self._load()
        faults, _ = await signatures.tell([wanted], deadline)
        return faults[demand.key, wanted.image]

    async def _load(self) -> "Signatures":
        """Import what verifies, on the first image that is to be: half a second and 35 MB."""
        kind = await asyncio.to_thread(_import_signatures)
        if self._signatures is None:
            connect = self._connect
            self._signatures = kind(
                self._references, connect, self._clock, self._now, self._complain
            )
        return self._signatures

    async def _connect(self, access: RegistryAccess, host: str) -> Registry:
        return await self._reach(access).registry(host)

    async def tell(self, questions: Sequence[Question], puller: Puller, deadline: float) -> Told:
        """Answer all questions at once; what can't be told by `deadline` is unknown."""
        told: dict[tuple[str, str], Answer] = {}
        waiting: dict[Question, _Key] = {}
        for each in questions[:MOST_QUESTIONS]:
            key = _key(each, puller)
            known = self._tags.fresh(key, each.pinned)
            if known is None:
                waiting[each] = key
            else:
                self._count("known")
                told[each.access.key, each.reference] = Resolved(known.digest)
        # Mostly there is nobody to wait for: no task is then made.
        if waiting:
            asked = (self._answer(each, key, deadline) for each, key in waiting.items())
            answers = await asyncio.gather(*asked)
            for each, answer in zip(waiting, answers, strict=True):
                told[each.access.key, each.reference] = answer
        for each in questions[MOST_QUESTIONS:]:
            most = f"no more than {MOST_QUESTIONS} images are looked up for one object"
            told[each.access.key, each.reference] = Unknown(most)
        return Told(told)

    async def close(self) -> None:
        """Close all connections."""
        await self._tags.close()
        if self._signatures is not None:
            await self._signatures.close()
        for reach in self._reaches.values():
            reach.end()
        for registry, task in self._closing.items():
            task.cancel()
            await registry.close()

    async def _answer(self, question: Question, key: _Key, deadline: float) -> Answer:
        host = host_of(canonical_name(question.reference))
        try:
            async with asyncio.timeout_at(deadline):
                known = await self._ask(question, key)
        except TimeoutError:
            unread = self._reach(question.access).unread(host)
            return self._fall_back(key, question, f"{host}: {unread or 'gave no answer in time'}")
        except RegistryError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                self._count("absent")
                return Absent(str(error))
            return self._fall_back(key, question, str(error))
        self._count("asked")
        return Resolved(known.digest)

    async def _ask(self, question: Question, key: _Key) -> Known:
        reach = self._reach(question.access)

        async def resolve() -> Digest:
            registry = await reach.registry(host_of(key.image))
            puller = key.puller
            if puller.names:
                login = PodLogin(self._logins, puller.namespace, puller.names)
                registry = registry.logged_in_as(Several([reach.logins, login]))
            return await registry.resolve(question.tagged)

        return await self._tags.ask(host_of(key.image), key, resolve)

    def _reach(self, access: RegistryAccess) -> Reach:
        reach = self._reaches.get(access.key)
        if reach is None:
            reach = Reach(access, self._references, self._clock, self._close_later)
            self._reaches[access.key] = reach
        return reach

    def _close_later(self, registry: Registry) -> None:
        """Close a client when what it is doing is done."""
        self._closing[registry] = asyncio.ensure_future(self._wait_and_close(registry))

    async def _wait_and_close(self, registry: Registry) -> None:
        await asyncio.sleep(_GRACE_S)
        await registry.close()
        del self._closing[registry]

    def _fall_back(self, key: _Key, question: Question, problem: str) -> Answer:
        """Answer by what was said last, where that may still do."""
        known = self._tags.remembered(key)
        if known is None or question.pinned not in {"", known.digest}:
            self._count("unknown")
            return Unknown(problem)
        self._count("stale")
        age = f"{known.age_s / 60:.0f} min"
        return Resolved(known.digest, f"{question.tagged} as of {age} ago, since {problem}")


def _import_signatures() -> "type[Signatures]":
    from revet.webhook.signatures import Signatures  # noqa: PLC0415 -- see who calls

    # Libraries of that size would be looked through again and again, while reviews wait.
    gc.freeze()
    return Signatures


def _key(question: Question, puller: Puller) -> _Key:
    tagged = question.tagged
    name = f"{canonical_name(tagged)}:{split_reference(tagged).tag or 'latest'}"
    access = question.access
    return _Key(access.key, puller if access.use_pod_pull_secrets else _NOBODY, name)
