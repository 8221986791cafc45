"""Holds us against upstream in full, its fixtures, random pods and live suite, and to attacks.

`python -m e2e.conformance` ends with 1 on a disagreement, with 2 on an error.
"""

import argparse
import asyncio
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from typing import NamedTuple

import msgspec
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from e2e.cluster.process import ClusterError
from e2e.cluster.toolchain import ToolchainError
from e2e.comparison import Comparison, Disagreement, Engine, FixtureResult, fresh_seed
from e2e.fixtures import FAILING, PASSING, read_fixtures
from e2e.oracle.process import OracleError, build_oracle
from e2e.shrinking import shrink
from e2e.upstream.comparison import LiveScore, compare_live, open_stage
from e2e.upstream.process import REQUESTS, SuiteError, build_suite
from tests.support.attacks.table import Seen, run_all
from tests.support.attacks.table import score as score_attacks

PODS = 100_000
_CHUNK = 2_500
_SHRUNK = 10
"""So many disagreements are shrunk: one fault mostly shows in many pods."""


class Score(NamedTuple):
    """What came of a run."""

    fixtures: Sequence[FixtureResult]
    pods: int
    disagreements: Sequence[Disagreement]
    seconds: float
    """Time for the random pods."""

    @property
    def is_clean(self) -> bool:
        """Whether everything was compared and nothing differs."""
        agreed = sum(result.agrees for result in self.fixtures)
        return agreed == PASSING + FAILING == len(self.fixtures) and not self.disagreements


def main() -> int:
    """Compare, print, and say by the exit code whether there is a disagreement."""
    seed, pods = _parse()
    print(f"seed {seed}", flush=True)
    try:
        score = _run(seed, pods)
        _print_disagreements(score)
        _print_table(score, seed)
        live = _run_live()
    except (ClusterError, OracleError, SuiteError, ToolchainError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    _print_live_failures(live)
    _print_live_table(live)
    attacks = asyncio.run(run_all())
    _print_attacks(attacks)
    is_whole = len(live.plain.answers) == len(live.patched.answers) == REQUESTS
    is_safe = not any(each.is_wrong for each in attacks)
    return 0 if score.is_clean and live.is_clean and is_whole and is_safe else 1


def _parse() -> tuple[int, int]:
    parser = argparse.ArgumentParser(prog="python -m e2e.conformance", description=__doc__)
    parser.add_argument("--seed", type=int, help="of the random pods (a fresh one)")
    parser.add_argument("--pods", type=int, default=PODS, help=f"how many random pods ({PODS})")
    arguments = parser.parse_args()
    if arguments.pods < 1:
        parser.error("--pods must be 1 or more")
    return fresh_seed() if arguments.seed is None else arguments.seed, arguments.pods


def _run(seed: int, pods: int) -> Score:
    engine = Engine()
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("upstream's fixtures", total=PASSING + FAILING)
        fixtures = [
            engine.hold_against(each) for each in progress.track(read_fixtures(), task_id=task)
        ]
        build_oracle()  # Once, before the workers need it.
        task = progress.add_task("random pods", total=pods)
        disagreements: list[Disagreement] = []
        started = time.monotonic()
        for numbers, found in _compare(seed, pods):
            disagreements += found
            progress.advance(task, len(numbers))
        seconds = time.monotonic() - started
    disagreements.sort(key=lambda each: each.number)
    return Score(fixtures, pods, disagreements, seconds)


def _compare(seed: int, pods: int) -> Iterator[tuple[range, list[Disagreement]]]:
    """Compare in chunks, on all cores."""
    chunks = [range(pods)[start : start + _CHUNK] for start in range(0, pods, _CHUNK)]
    # Not forked: the progress display is a thread.
    with ProcessPoolExecutor(os.cpu_count(), get_context("spawn")) as pool:
        work: dict[Future[list[Disagreement]], range] = {
            pool.submit(_compare_chunk, seed, numbers): numbers for numbers in chunks
        }
        try:
            for done in as_completed(work):
                yield work[done], done.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _compare_chunk(seed: int, numbers: range) -> list[Disagreement]:
    with Comparison(Engine()) as comparison:
        return list(comparison.compare(seed, numbers))


def _print_disagreements(score: Score) -> None:
    for result in score.fixtures:
        if not result.agrees:
            wanted = result.wanted or "to pass"
            print(f"{result.fixture.path}: want {wanted}, got {_show(result.found)}")
    if not score.disagreements:
        return
    with Comparison(Engine()) as comparison:
        for number, each in enumerate(score.disagreements):
            print(each)
            if number < _SHRUNK:
                print(f"  shrunk: {_shrink(comparison, each)}")


def _show(found: frozenset[str] | str) -> str:
    return found if isinstance(found, str) else str(sorted(found))


def _shrink(comparison: Comparison, found: Disagreement) -> str:
    small = shrink(found.question.pod, lambda pods: comparison.disagrees(found, pods))
    return msgspec.json.encode(small).decode()


def _print_table(score: Score, seed: int) -> None:
    results = score.fixtures
    passing = [each for each in results if each.wanted is None]
    failing = [each for each in results if each.wanted is not None]
    overridden = [each for each in failing if each.is_overridden]
    table = Table(title=f"Conformance with Pod Security, seed {seed}", title_justify="left")
    table.add_column()
    table.add_column(justify="right")
    for name, part, total in (
        ("fixtures agreed", results, PASSING + FAILING),
        ("  that pass", passing, PASSING),
        ("  that fail", failing, FAILING),
        ("    by the control that overrides", overridden, len(overridden)),
    ):
        table.add_row(name, f"{sum(each.agrees for each in part)}/{total}")
    table.add_row("random pods compared", f"{score.pods}")
    table.add_row("disagreements", f"{len(score.disagreements)}")
    table.add_row("pods/s", f"{score.pods / score.seconds:.0f}")
    Console(highlight=False).print(table)


def _run_live() -> LiveScore:
    build_suite()
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("upstream's live suite", total=None)

        def watch(test: str) -> None:
            progress.update(task, description=f"upstream's live suite: {test}")

        with open_stage() as plane:
            return compare_live(plane, watch=watch)


def _print_live_failures(live: LiveScore) -> None:
    for each in (*live.plain.failures, *live.others):
        print(f"{each.test} {each.number}: {each.message}")
    for flip in sorted(live.flips ^ live.predicted | live.template_flips ^ live.predicted):
        wanted = "be admitted" if flip in live.predicted else "be refused"
        print(f"{flip.test} {flip.number}: patched, Pod and Deployment must both {wanted}")
    for answer in live.unsafe:
        print(f"{answer.namespace}: admitted, upstream says {', '.join(answer.forbidden or ())}")


def _print_live_table(live: LiveScore) -> None:
    table = Table(title="Upstream's live suite, the in-tree plugin off", title_justify="left")
    table.add_column()
    table.add_column(justify="right")
    as_wanted = len(live.plain.answers) - len(live.plain.failures)
    table.add_row("dry runs as upstream wants", f"{as_wanted}/{REQUESTS}")
    flips = Counter(flip.test.rpartition("_fail_")[2] for flip in live.flips)
    table.add_row("pods admitted by patches alone", f"{len(live.flips)}/{len(live.predicted)}")
    for check, number in sorted(flips.items()):
        table.add_row(f"  that fail {check}", f"{number}")
    Console(highlight=False).print(table)


def _print_attacks(attacks: Sequence[Seen]) -> None:
    for each in attacks:
        if each.is_wrong and each.told is not None:
            print(
                f"{each.row}: must be {each.row.expected}, is {each.told.outcome}: {each.told.text}"
            )
    print(score_attacks(attacks))


if __name__ == "__main__":
    sys.exit(main())
