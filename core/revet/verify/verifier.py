"""Verifies images: asks the registry, has proofs checked off the event loop, and judges."""

import asyncio
import re
import time
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from revet.adapters.registry.error import RegistryError
from revet.core.image import canonical_name, is_digest, is_name, split_reference
from revet.verify.allowance import Allowance
from revet.verify.attestation.summary import summarize
from revet.verify.candidate import judge
from revet.verify.discovery import Discovery, Found, Source, list_platforms
from revet.verify.error import SignatureError
from revet.verify.evidence import Evidence, Flaw, Proof
from revet.verify.rule import Rule
from revet.verify.trust import Question
from revet.verify.verdict import Findings, Outcome, Step, conclude, judge_rule

#: The longest that one image keeps the others waiting.
_LONGEST_S: Final = 2.0
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Judged:
    """What one rule makes of an image, and what it is made of."""

    rule: Rule
    steps: tuple[Step, ...]
    findings: Findings | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What has come out for an image; `digest` is the one that all of this is about."""

    reference: str
    digest: str
    judged: tuple[Judged, ...]

    @property
    def outcome(self) -> Outcome:
        """How it has come out in all."""
        return conclude(step for each in self.judged for step in each.steps)


class Verifier:
    """Verifies images of one registry client."""

    def __init__(
        self,
        source: Source,
        clock: Callable[[], datetime],
        executor: Executor | None = None,
        shared: Allowance | None = None,
    ) -> None:
        """Take the client, and a clock that tells the time of day in UTC.

        `executor` checks proofs; asyncio's own if none is given. `shared` is how much may be held
        in memory by all who share it.
        """
        self._source = source
        self._clock = clock
        self._executor = executor
        self._shared = shared

    async def verify(self, reference: str, rules: Iterable[Rule]) -> Verdict:
        """Verify an image by each of the rules that are about it."""
        asked = [rule for rule in rules if rule.is_about(reference)]
        if not _is_reference(reference):
            step = Step("digest", Outcome.REJECTED, f"{reference[:512]!r} is no image reference")
            return Verdict(reference, "", tuple(Judged(rule, (step,)) for rule in asked))
        try:
            digest = await self._source.resolve(reference)
        except RegistryError as error:
            step = Step("digest", Outcome.UNKNOWN, str(error))
            return Verdict(reference, "", tuple(Judged(rule, (step,)) for rule in asked))
        if _DIGEST.fullmatch(digest) is None:
            text = f"{digest} is no sha256, and nobody signs anything else"
            step = Step("digest", Outcome.REJECTED, text)
            return Verdict(reference, digest, tuple(Judged(rule, (step,)) for rule in asked))
        repository = canonical_name(split_reference(reference).name)
        judged = [await self._judge(rule, repository, digest) for rule in asked]
        return Verdict(reference, digest, tuple(judged))

    async def _find_evidence(self, repository: str, digest: str, rule: Rule) -> Evidence:
        """Find out all that holds about a digest, whatever the rule wants of it."""
        trust, whole = rule.trust, rule.custom_types
        allowance = Allowance(shared=self._shared)
        try:
            found = await Discovery(self._source, repository, digest, allowance).run()
            question = Question(digest, trust, self._clock())
            # Elliptic curves and X.509 take milliseconds each: not on the event loop.
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._executor, judge_all, found, question, whole)
        finally:
            allowance.give_back()

    async def _judge(self, rule: Rule, repository: str, digest: str) -> Judged:
        try:
            findings = await self.find(rule, repository, digest)
        except SignatureError as error:
            return Judged(rule, (Step("platforms", Outcome.REJECTED, str(error)),))
        except RegistryError as error:
            return Judged(rule, (Step("platforms", Outcome.UNKNOWN, str(error)),))
        return Judged(rule, judge_rule(rule, findings, self._clock()), findings)

    async def find(self, rule: Rule, repository: str, digest: str) -> Findings:
        """Find out all that a rule needs to know of a digest.

        Raises:
            RegistryError: the platforms of an index can't be told.
            SignatureError: they are too many, or nested too deeply.

        """
        image = await self._find_evidence(repository, digest, rule)
        if not (rule.is_every_platform and rule.wants):
            return Findings(image)
        named = await list_platforms(self._source, repository, digest)
        platforms = [
            (
                name,
                image if each == digest else await self._find_evidence(repository, each, rule),
            )
            for name, each in named
        ]
        return Findings(image, tuple(platforms))


def _is_reference(reference: str) -> bool:
    """Return whether a runtime would take it: one that it refuses is of no image at all."""
    parts = split_reference(reference)
    has_digest = is_digest(parts.digest) if "@" in reference else True
    return has_digest and is_name(canonical_name(reference))


def judge_all(
    found: Found,
    question: Question,
    whole: Collection[str],
    clock: Callable[[], float] = time.thread_time,
) -> Evidence:
    """Check all that was found, the shortest first; `clock` tells how long that takes."""
    proofs: list[Proof] = []
    flaws, unread = list(found.flaws), list(found.unread)
    until = clock() + _LONGEST_S
    for each in sorted(found.candidates, key=lambda one: len(one.raw)):
        if clock() > until:
            reason = f"was not looked at: what is beside it took more than {_LONGEST_S:.0f} s"
            unread.append(Flaw(each.place, reason))
            continue
        answer = judge(each, question)
        if isinstance(answer, Proof):
            proofs.append(answer)
        else:
            flaws.append(answer)
    proofs.sort(key=lambda each: each.place)
    flaws.sort(key=lambda each: each.place)
    evidence = Evidence(question.digest, tuple(proofs), tuple(flaws), tuple(unread))
    return summarize(evidence, whole)
