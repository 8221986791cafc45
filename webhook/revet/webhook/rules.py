"""The rules of policies made ready, with the keys and trust roots that they name, followed.

What can't be used does not take the place of what could.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Final

from revet.core.errors import Error
from revet.core.model.image_facts import Demand
from revet.core.model.policy_images import Verification
from revet.verify.error import SignatureError
from revet.verify.public_good import ROOT, read_bundled_root
from revet.verify.rule import Place, Rule, compile_rule
from revet.webhook.key_references import PUBLIC_ROOT, references_of
from revet.webhook.references import Data, Reference, References

#: So soon a key or root is read; after that, the right to read it is missing.
_READING_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class _Made:
    """A rule, and of what it was made; `problem` is why what is there now can't be used."""

    of: tuple[Data | None, ...]
    rule: Rule | None
    problem: str


class Rules:
    """The rules that images are judged by."""

    def __init__(
        self, references: References, complain: Callable[[str], None], executor: Executor
    ) -> None:
        """Set up; `complain` is told what can't be used, `executor` makes rules ready."""
        self._references = references
        self._complain = complain
        self._executor = executor
        self._rules: dict[tuple[str, str], _Made] = {}

    def ready(self, demand: Demand, item: Verification) -> Rule | None:
        """Return a rule, if it was made of what stands there now."""
        made = self._rules.get(_name(demand, item))
        if made is None or made.of != self._held(references_of(item)):
            return None
        return made.rule

    def last(self, demand: Demand, item: Verification) -> Rule | None:
        """Return a rule as it was made last."""
        made = self._rules.get(_name(demand, item))
        return made.rule if made is not None else None

    async def rule(self, demand: Demand, item: Verification) -> Rule:
        """Return the rule as what it names stands now; a broken root keeps the last good one."""
        named = list(references_of(item))
        await self._references.seen(named)
        found = self._held(named)
        name = _name(demand, item)
        made = self._rules.get(name)
        if made is None or made.of != found:
            made = await self._make(item, found, made)
            self._rules[name] = made
        if made.rule is None:
            raise SignatureError(made.problem)
        return made.rule

    async def refresh(self, demand: Demand) -> str:
        """Have keys and roots ready before images come; return which of them can't be used."""
        problems: list[str] = []
        named = [each for item in demand.verifications for each in references_of(item)]
        with suppress(TimeoutError):
            async with asyncio.timeout(_READING_S):
                await self._references.seen(named)
        for item in demand.verifications:
            unread = self._references.unseen(references_of(item))
            if unread:
                names = ", ".join(map(self._references.describe, unread))
                problems.append(f'rule "{item.name}": {names} has not been read yet')
                continue
            with suppress(SignatureError):
                await self.rule(demand, item)
            made = self._rules[_name(demand, item)]
            if made.problem:
                kept = ": what was there before still counts" if made.rule is not None else ""
                problems.append(f'rule "{item.name}": {made.problem}{kept}')
        return "; ".join(problems)

    def keep(self, demands: Collection[str]) -> None:
        """Forget the rules of all but these demands, by their keys."""
        self._rules = {key: made for key, made in self._rules.items() if key[1] in demands}

    async def _make(
        self, item: Verification, found: tuple[Data | None, ...], last: _Made | None
    ) -> _Made:
        loop = asyncio.get_running_loop()
        try:
            make = partial(compile_rule, item, self._read, self._read_public)
            rule = await loop.run_in_executor(self._executor, make)
        except Exception as error:  # noqa: BLE001 -- whatever is wrong, what was good must count on
            text = str(error) if isinstance(error, Error) else f"{type(error).__name__}: {error}"
            self._complain(f"spec.images.verify {item.name}: {text}")
            good = last.rule if last is not None and last.rule is not None else None
            return _Made(found, good or await self._make_bundled(item), text)
        return _Made(found, rule, "")

    async def _make_bundled(self, item: Verification) -> Rule | None:
        """Make a rule by the root that came with us, where a newer one is beyond this version."""
        if item.trust_root is not None or ROOT not in (self._references.find(PUBLIC_ROOT) or {}):
            return None
        loop = asyncio.get_running_loop()
        make = partial(compile_rule, item, self._read)
        with suppress(Exception):  # what is wrong was told before
            return await loop.run_in_executor(self._executor, make)
        return None

    def _read(self, place: Place) -> bytes:
        reference = Reference(place.kind, place.name)
        data = self._references.find(reference)
        if data is None or place.key not in data:
            what = "is not there" if data is None else f"has no key {place.key}"
            raise SignatureError(f"{self._references.describe(reference)} {what}")
        return data[place.key]

    def _read_public(self) -> bytes:
        """Return the public instance's root: as it was refreshed, else as it came with us."""
        data = self._references.find(PUBLIC_ROOT) or {}
        return data[ROOT] if ROOT in data else read_bundled_root()

    def _held(self, references: Iterable[Reference]) -> tuple[Data | None, ...]:
        return tuple(map(self._references.find, references))


def _name(demand: Demand, item: Verification) -> tuple[str, str]:
    return item.name, demand.key
