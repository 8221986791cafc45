"""By which policies every ready replica of the webhook judges: asked apart from the reconciling.

A replica that hangs costs its time-out; what is to be corrected must not wait for that.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Final

from revet.adapters.kube import KubeError
from revet.operator.prober import Prober, Replica

_ASK_AGAIN_S: Final = 1.0

#: A generation for each of some policies, by uid: it begins anew where a policy is made again.
Generations = Mapping[str, int]


class Confirmations:
    """What the replicas have said of each Fail entry's path; they are asked until they agree."""

    def __init__(
        self, prober: Prober, tell: Callable[[], None], complain: Callable[[str], None]
    ) -> None:
        """Set up; `tell` is called when there is news, `complain` when nobody can be asked."""
        self._prober = prober
        self._tell = tell
        self._complain = complain
        self._needed: Mapping[str, Generations] = {}
        self._bundle = b""
        self._agreed: dict[str, Generations] = {}
        self._missing: dict[str, str] = {}
        self._wanted = asyncio.Event()
        #: Paths that the replicas were asked about, whatever came of it.
        self._asked: set[str] = set()
        #: Paths that an answer under way is too old for.
        self._void: set[str] = set()
        self._news = asyncio.Event()

    def need(self, needed: Mapping[str, Generations], bundle: bytes) -> None:
        """Have the replicas asked until they judge by all this; other paths are forgotten.

        `bundle` is what their certificates are to be trusted by.
        """
        self._needed, self._bundle = needed, bundle
        self._agreed = {path: self._agreed.get(path, {}) for path in needed}
        self._missing = {path: self._missing.get(path, "") for path in needed}
        self._asked &= needed.keys()
        if self._unknown():
            self._wanted.set()

    def forget(self, paths: Iterable[str]) -> None:
        """Forget what was said of these paths; also what replicas are just about to say."""
        for path in paths:
            self._void.add(path)
            self._asked.discard(path)
            if path in self._needed:
                self._agreed = {**self._agreed, path: {}}
                self._missing = {**self._missing, path: ""}
                self._wanted.set()

    async def wait_for_first_answers(self, at_most_s: float) -> None:
        """Wait until the replicas were asked once about everything that is needed."""
        with suppress(TimeoutError):
            async with asyncio.timeout(at_most_s):
                while set(self._unknown()) - self._asked:
                    self._news.clear()
                    await self._news.wait()

    def cover(self, path: str, wanted: Generations) -> bool:
        """Return whether every replica judges by these generations, or newer ones, at a path."""
        agreed = self._agreed.get(path, {})
        return all(agreed.get(name, -1) >= generation for name, generation in wanted.items())

    def missing(self, path: str) -> str:
        """Return, in words, whose answer is missing for a path."""
        return self._missing.get(path) or "nobody was asked yet"

    async def run(self) -> None:
        """Ask while there is something to ask, until cancelled."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            before = self._agreed, self._missing
            paths = self._unknown()
            self._void.clear()
            try:
                await self._ask(paths)
            except KubeError as error:
                self._complain(f"the replicas of the webhook can't be listed: {error}")
            self._asked.update(set(paths) - self._void)
            self._news.set()
            if (self._agreed, self._missing) != before:
                self._tell()
            if self._unknown():
                await asyncio.sleep(_ASK_AGAIN_S)
                self._wanted.set()

    async def _ask(self, paths: Sequence[str]) -> None:
        replicas = await self._prober.replicas()
        answers = await self._prober.ask(replicas, paths, self._bundle)
        agreed, missing = dict(self._agreed), dict(self._missing)
        # What is not needed any more may have been asked for still.
        for path in (self._needed.keys() & set(paths)) - self._void:
            told = [answers[each, path] for each in replicas]
            agreed[path] = _lowest(told)
            missing[path] = _absent(replicas, told, self._needed[path])
        self._agreed, self._missing = agreed, missing

    def _unknown(self) -> list[str]:
        return [path for path, wanted in self._needed.items() if not self.cover(path, wanted)]


def _lowest(answers: Sequence[Generations | None]) -> dict[str, int]:
    """Return the generation of each policy that every replica has reached."""
    told = [answer for answer in answers if answer is not None]
    if not answers or len(told) < len(answers):
        return {}
    names = set.intersection(*(set(answer) for answer in told))
    return {name: min(answer[name] for answer in told) for name in names}


def _absent(
    replicas: Sequence[Replica], answers: Sequence[Generations | None], wanted: Generations
) -> str:
    if not replicas:
        return "no replica of the webhook is ready"
    silent = [each.url for each, told in zip(replicas, answers, strict=True) if told is None]
    if silent:
        return f"no answer from {', '.join(silent)}"
    behind = [
        each.url
        for each, told in zip(replicas, answers, strict=True)
        if told is not None and any(told.get(name, -1) < at for name, at in wanted.items())
    ]
    return f"an older version is judged by at {', '.join(behind)}" if behind else ""
