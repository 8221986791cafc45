"""Runs the suite and reads what it says. Apart, so that tests see answers and failures, no text."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from subprocess import PIPE, Popen
from tempfile import TemporaryDirectory
from typing import IO, Final, NamedTuple

import msgspec

from e2e.cluster.controlplane import ControlPlane
from e2e.cluster.toolchain import build_go
from e2e.upstream.plan import render_plan

#: Requests of the whole suite, of v0.36 of its module: a pod and a Deployment for each fixture.
REQUESTS: Final = 3024
_TEST: Final = re.compile(r"=== (?:RUN|NAME|CONT) +PodSecurity/(\S+)")
_MESSAGE: Final = re.compile(r" +run\.go:\d+: (\d+): (.*)")
_ADMITTED: Final = re.compile(r"expected (error|warnings) creating \{.*\}, got none")


class SuiteError(Exception):
    """The suite could not be run."""


class Failure(NamedTuple):
    """An expectation of upstream's that was not met: in which test, of its how many-th fixture."""

    test: str
    number: int
    message: str

    @property
    def is_admitted(self) -> bool:
        """Whether it is that nothing was said against a pod, or template, that upstream refuses."""
        return _ADMITTED.fullmatch(self.message) is not None

    @property
    def is_template(self) -> bool:
        """Whether it is about a Deployment."""
        return self.message.startswith("expected warnings")


class Answer(msgspec.Struct, frozen=True):
    """What the API server said to a dry run; `forbidden`: why upstream would refuse the outcome."""

    namespace: str
    resource: str
    status: int
    forbidden: list[str] | None


class Outcome(NamedTuple):
    """What came of a run."""

    passed: bool
    failures: Sequence[Failure]
    answers: Sequence[Answer]


def build_suite() -> Path:
    """Build the program, or take it from the cache."""
    return build_go(Path(__file__).parent, ["."], ["live"])[0]


def run_suite(
    plane: ControlPlane,
    *,
    patch: bool,
    minors: Sequence[int] = (),
    watch: Callable[[str], None] = lambda _: None,
) -> Outcome:
    """Run it with all of these minor versions, or with all that it knows.

    `watch` is told each test's name. What is served must be our chart, with the in-tree plugin off.
    """
    with TemporaryDirectory(dir=plane.folder) as folder:
        plan, answers = Path(folder) / "plan.json", Path(folder) / "answers.jsonl"
        plan.write_text(json.dumps(render_plan(patch=patch, minors=minors)), encoding="utf-8")
        argv = [str(build_suite()), f"--kubeconfig={plane.kubeconfig}"]
        argv += [f"--plan={plan}", f"--answers={answers}", "-test.v"]
        if minors:
            argv.append(f"-test.run=^PodSecurity$/-1-({'|'.join(map(str, minors))})_")
        with Popen(argv, stdout=PIPE, stderr=PIPE, text=True) as suite:
            assert suite.stdout is not None
            failures = list(_read_failures(suite.stdout, watch))
            complaint = suite.communicate()[1]
        if suite.returncode not in {0, 1} or not answers.exists():
            raise SuiteError(f"{argv[0]} ended with {suite.returncode}: {complaint.strip()}")
        lines = answers.read_bytes().splitlines()
    return Outcome(
        suite.returncode == 0, failures, [msgspec.json.decode(line, type=Answer) for line in lines]
    )


def _read_failures(lines: IO[str], watch: Callable[[str], None]) -> Iterator[Failure]:
    test = ""
    for line in lines:
        if started := _TEST.match(line):
            test = started[1]
            watch(test)
        elif found := _MESSAGE.match(line):
            yield Failure(test, int(found[1]), found[2].rstrip())
        elif " run.go:" in line:
            # Of a namespace, not of a fixture.
            yield Failure(test, -1, line.strip())
