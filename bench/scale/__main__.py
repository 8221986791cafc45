"""Measures the operator at scale. Ends with 1 if a figure misses its bar, with 2 on an error."""

import argparse
import sys
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from bench.figures import Figure, format_value, shortfalls
from bench.progress import Progress
from bench.scale.measures import STEPS, measure
from bench.scale.stage import open_stage
from bench.usage import BUSY
from e2e.cluster.process import ClusterError
from e2e.cluster.toolchain import ToolchainError


@dataclass(frozen=True)
class Plan:
    """How many namespaces, the bars being for the last of them, and how long to look at rest."""

    sizes: list[int]
    rest_s: int


def main() -> int:
    """Measure, print, and say by the exit code whether every bar is cleared."""
    plan = _parse()
    measured: list[list[Figure]] = []
    try:
        for size in plan.sizes:
            with Progress(f"{size} namespaces", STEPS) as progress, open_stage(size) as stage:
                measured.append(measure(stage, plan.rest_s, progress.step))
    except (ClusterError, RuntimeError, TimeoutError, ToolchainError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    _print(plan.sizes, measured)
    share = next(each.value for each in measured[-1] if each.name == "machine_others_share")
    if share > BUSY:
        print(f"warning: others took {share:.0f} % of the machine: measure again when it is quiet")
    return 1 if shortfalls(measured[-1]) else 0


def _parse() -> Plan:
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__)
    parser.add_argument(
        "--namespaces", type=int, nargs="+", default=[100, 1000], help="sizes (100 1000)"
    )
    parser.add_argument("--rest", type=int, default=300, help="seconds to look at rest (300)")
    arguments = parser.parse_args()
    if min(arguments.namespaces) < 1 or arguments.rest < 1:
        parser.error("--namespaces and --rest must be 1 or more")
    return Plan(arguments.namespaces, arguments.rest)


def _print(sizes: list[int], measured: list[list[Figure]]) -> None:
    """Print all sizes beside each other, and the last one's figures as lines."""
    last = measured[-1]
    table = Table(title=f"The operator with {sizes[-1]} namespaces", title_justify="left")
    for heading in ("", "unit", "bar", *(f"{size} namespaces" for size in sizes), "growth"):
        table.add_column(heading, justify="left" if heading == "" else "right")
    for index, figure in enumerate(last):
        values = [several[index].value for several in measured]
        growth = f"x {values[-1] / values[0]:.1f}" if len(values) > 1 and values[0] else ""
        told = map(format_value, values)
        table.add_row(figure.name, figure.unit, figure.bar, *told, growth)
    Console(highlight=False, width=110).print(table)
    for figure in last:
        print(figure.line)


if __name__ == "__main__":
    sys.exit(main())
