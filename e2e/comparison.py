"""Holds our engine against upstream: over its fixtures, and over random pods beside the oracle.

Apart, because the tests and `python -m e2e.conformance` ask the same, of fewer or more pods.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from random import SystemRandom
from types import TracebackType
from typing import Self

import msgspec

from e2e.dice import Object
from e2e.fixtures import Fixture
from e2e.oracle.controls import CONTROLS, OVERRIDDEN_BY
from e2e.oracle.process import Oracle, Verdict
from e2e.pods import Question, nth_question
from revet.core.check import Check, Level
from revet.core.checks import ALL
from revet.core.defaulting import set_defaults
from revet.core.engine import ActiveCheck, evaluate, select_level
from revet.core.model.version import KubeVersion
from revet.core.workload import read


@dataclass(frozen=True)
class Disagreement:
    """A pod on which the engine and upstream differ, and all it takes to see it again."""

    seed: int
    number: int
    completed: bool
    """Whether both judged the pod as the API server would have completed it."""
    question: Question
    upstream: frozenset[str]
    """The controls that fail, by our ids."""
    ours: frozenset[str] | str
    """The same, or why the engine could not judge."""

    def __str__(self) -> str:
        level, version, pod = self.question
        ours = self.ours if isinstance(self.ours, str) else sorted(self.ours)
        return (
            f"seed {self.seed} pod {self.number}, {level} {version}, "
            f"{'completed' if self.completed else 'as it is'}\n"
            f"  upstream: {sorted(self.upstream)}\n  ours: {ours}\n"
            f"  {msgspec.json.encode(pod).decode()}"
        )


@dataclass(frozen=True)
class FixtureResult:
    """What came of one fixture; `wanted` is the control that must fail, if it is to fail."""

    fixture: Fixture
    wanted: str | None
    found: frozenset[str] | str

    @property
    def agrees(self) -> bool:
        """Whether verdict and control are upstream's."""
        if isinstance(self.found, str):
            return False
        return self.wanted in self.found if self.wanted else not self.found

    @property
    def is_overridden(self) -> bool:
        """Whether another control than the one it is named after must fail."""
        return self.wanted is not None and self.wanted != CONTROLS[self.fixture.check]


class Engine:
    """Our engine, asked as upstream's evaluator is."""

    def __init__(self, checks: Iterable[Check] = ALL) -> None:
        checks = tuple(checks)

        @cache
        def select(level: str, version: str) -> list[ActiveCheck]:
            return select_level(checks, Level(level), KubeVersion.parse(version))

        self._select = select

    def failing(self, question: Question, *, completed: bool) -> frozenset[str] | str:
        """Give the controls that fail. A pod that it can't judge is no pod that passes."""
        level, version, pod = question
        if completed:
            pod = deepcopy(pod)
            set_defaults(pod)
        try:
            judged = read("", "Pod", msgspec.json.encode(pod)).pod()
            findings = evaluate(judged, self._select(level, version))
        except Exception as error:  # noqa: BLE001 - whatever it is, upstream had an answer
            return f"{type(error).__name__}: {error}"
        return frozenset(finding.control for finding in findings)

    def hold_against(self, fixture: Fixture) -> FixtureResult:
        """Judge a fixture by its level and version."""
        question = Question(fixture.level, fixture.version, fixture.pod)
        found = self.failing(question, completed=True)
        return FixtureResult(fixture, None if fixture.passes else self._wanted(fixture), found)

    def _wanted(self, fixture: Fixture) -> str:
        """Give the control that a fixture is named after, or the one that runs in its place."""
        active = {check.id for check in self._select(fixture.level, fixture.version)}
        named = CONTROLS[fixture.check]
        overrider = OVERRIDDEN_BY.get(fixture.check, fixture.check)
        return named if named in active else CONTROLS[overrider]


class Comparison:
    """The engine beside two oracles: one for pods as they are, one for completed ones."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._oracles: dict[bool, Oracle] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with self._stack as stack:
            for completed in (False, True):
                oracle = Oracle(apply_defaults=completed)
                self._oracles[completed] = stack.enter_context(oracle)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def compare(self, seed: int, numbers: range) -> Iterator[Disagreement]:
        """Judge the pods with these numbers, every other one completed."""
        for completed in (False, True):
            mine = [number for number in numbers if bool(number % 2) is completed]
            questions = [nth_question(seed, number) for number in mine]
            answers = self.ask(questions, completed=completed)
            for number, question, (ours, upstream) in zip(mine, questions, answers, strict=True):
                if ours != upstream:
                    yield Disagreement(seed, number, completed, question, upstream, ours)

    def ask(
        self, questions: Sequence[Question], *, completed: bool
    ) -> Iterator[tuple[frozenset[str] | str, frozenset[str]]]:
        """Give both answers to each question: ours, and upstream's in our ids."""
        verdicts = self._oracles[completed].judge(questions)
        for question, verdict in zip(questions, verdicts, strict=True):
            yield self._engine.failing(question, completed=completed), _controls(verdict)

    def disagrees(self, found: Disagreement, pods: Sequence[Object]) -> list[bool]:
        """Say of other pods whether the same two still differ on them."""
        level, version, _ = found.question
        questions = [Question(level, version, pod) for pod in pods]
        return [ours != theirs for ours, theirs in self.ask(questions, completed=found.completed)]


def fresh_seed() -> int:
    """Choose a seed that is short enough to be typed again."""
    return SystemRandom().randrange(10**9)


def _controls(verdict: Verdict) -> frozenset[str]:
    return frozenset(CONTROLS[check] for check in verdict.failed)
