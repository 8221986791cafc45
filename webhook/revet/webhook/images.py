"""Asks registries what a review needs to know of its images, before core judges it.

A pod that nobody pins, or that has all its digests, never comes here.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Final, NamedTuple, Protocol

from revet.adapters.kube import Kube
from revet.adapters.registry.client import Digest, Registry
from revet.adapters.registry.credentials import CredentialError, DockerConfig, Several
from revet.adapters.registry.endpoints import Endpoint, Endpoints
from revet.adapters.registry.error import RegistryError
from revet.adapters.registry.tags import Known, Tags
from revet.core.admission import Request, ask
from revet.core.compiled_policy import Applied, CompiledPolicy
from revet.core.image import canonical_name, split_reference
from revet.core.model.image_facts import (
    Absent,
    Answer,
    RegistryAccess,
    Resolved,
    Told,
    Unknown,
)
from revet.core.model.policy_images import RegistryHost
from revet.core.pinning import Question, host_of
from revet.webhook.logins import NamedLogins, PodLogin, PodLogins, read_pull_secret
from revet.webhook.references import CONFIG_MAP, SECRET, Data, Reference, References

#: How many references one review may ask about: a pod of 500 containers must not make us a cannon.
MOST_QUESTIONS: Final = 32
#: An authority that can't be had must not be replaced by the system's; this is one that fails.
_NO_CA: Final = "there is no CA"
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
    ) -> None:
        """Set up; `clock` is the event loop's, `now` gives seconds since 1970.

        `count` is told how each question was answered.
        """
        self._now = now
        self._references = references
        self._clock = clock
        self._count = count
        self._tags = Tags(clock)
        self._logins = PodLogins(kube, clock)
        self._reaches: dict[str, _Reach] = {}
        self._closing: dict[Registry, asyncio.Task[None]] = {}

    def want(self, policies: Iterable[CompiledPolicy]) -> None:
        """Say by which policies is judged from now on."""
        accesses = [each.pins for each in policies if each.pins is not None]
        hosts = (host for access in accesses for host in access.hosts)
        self._references.want(_references(hosts))
        keys = {each.key for each in accesses}
        for key in self._reaches.keys() - keys:
            self._reaches.pop(key).end()

    async def complete(
        self, request: Request, applied: Sequence[Applied], deadline: float, *, mutating: bool
    ) -> Request:
        """Ask what the policies need to know of a pod, or of a template; mostly that is nothing."""
        request = replace(request, now=self._now())
        questions = ask(request, applied, mutating=mutating)
        if not questions:
            return request
        namespace = request.subject.metadata.namespace or ""
        puller = Puller(namespace, request.pull_secrets)
        return replace(request, images=await self.tell(questions, puller, deadline))

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

        return await self._tags.ask(key, resolve)

    def _reach(self, access: RegistryAccess) -> "_Reach":
        reach = self._reaches.get(access.key)
        if reach is None:
            reach = _Reach(access, self._references, self._clock, self._close_later)
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


class _Reach:
    """A registry client as a policy says, made anew when what the policy refers to has changed."""

    def __init__(
        self,
        access: RegistryAccess,
        references: References,
        clock: Callable[[], float],
        close: Callable[[Registry], None],
    ) -> None:
        self._access = access
        self._references = references
        self._clock = clock
        self._close = close
        self._wanted = _references(access.hosts)
        self._made_of: list[Data | None] | None = None
        self._registry: Registry | None = None
        self.logins = NamedLogins({})

    async def registry(self, host: str) -> Registry:
        """Return the client, once everything was looked for that it needs for a host."""
        await self._references.seen(self._needed(host))
        found = [self._references.find(each) for each in self._wanted]
        if self._registry is None or found != self._made_of:
            self.end()
            self._made_of = found
            self.logins = NamedLogins(dict(filter(None, map(self._login, self._access.hosts))))
            endpoints = Endpoints(self._access.named, map(self._endpoint, self._access.hosts))
            self._registry = Registry.connect(endpoints, self._clock, self.logins)
        return self._registry

    def unread(self, host: str) -> str:
        """Say what was not read yet of what is needed for a host; empty where all was."""
        unseen = self._references.unseen(self._needed(host))
        names = ", ".join(map(self._references.describe, unseen))
        return f"{names} has not been read yet" if names else ""

    def _needed(self, host: str) -> list[Reference]:
        told = [each for each in self._access.hosts if each.host == host]
        mirrors = {mirror for each in told for mirror in each.mirrors}
        return _references([*told, *(each for each in self._access.hosts if each.host in mirrors)])

    def end(self) -> None:
        """Let go of the client."""
        if self._registry is not None:
            self._close(self._registry)
            self._registry = None

    def _endpoint(self, host: RegistryHost) -> Endpoint:
        if host.ca_ref is None:
            return Endpoint(host.host, "", host.mirrors)
        ref = host.ca_ref.config_map_ref
        data = self._references.find(Reference(CONFIG_MAP, ref.name)) or {}
        ca_pem = data.get(ref.key, b"").decode(errors="replace")
        return Endpoint(host.host, ca_pem or _NO_CA, host.mirrors)

    def _login(self, host: RegistryHost) -> tuple[str, DockerConfig | str] | None:
        if host.pull_secret_ref is None:
            return None
        reference = Reference(SECRET, host.pull_secret_ref.name)
        try:
            return host.host, read_pull_secret(self._references.find(reference))
        except CredentialError as error:
            return host.host, f"{self._references.describe(reference)} {error}"


def _references(hosts: Iterable[RegistryHost]) -> list[Reference]:
    """Return the objects that hosts refer to."""
    hosts = list(hosts)
    found = [
        Reference(CONFIG_MAP, host.ca_ref.config_map_ref.name)
        for host in hosts
        if host.ca_ref is not None
    ]
    found += [
        Reference(SECRET, host.pull_secret_ref.name)
        for host in hosts
        if host.pull_secret_ref is not None
    ]
    return list(dict.fromkeys(found))


def _key(question: Question, puller: Puller) -> _Key:
    tagged = question.tagged
    name = f"{canonical_name(tagged)}:{split_reference(tagged).tag or 'latest'}"
    access = question.access
    return _Key(access.key, puller if access.use_pod_pull_secrets else _NOBODY, name)
