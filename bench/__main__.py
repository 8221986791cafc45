"""Measures everything in one run. Ends with 1 if a figure misses its bar, with 2 on an error."""

import argparse
import sys
from dataclasses import dataclass
from statistics import median

from bench import apiserver, command, engine, images, runtime, signatures, webhook
from bench.figures import Figure, shortfalls
from bench.report import print_report
from bench.scene import Scene, open_scene
from bench.traffic import TrafficError
from bench.usage import BUSY, Interference
from e2e.cluster.process import ClusterError
from e2e.cluster.toolchain import ToolchainError


@dataclass(frozen=True)
class Plan:
    """How long to measure."""

    rounds: int
    seconds: float


def main() -> int:
    """Measure, print, and say by the exit code whether every bar is cleared."""
    plan = _parse()
    try:
        # First, when no servers run that would share the machine.
        alone = [
            *engine.measure(plan.rounds),
            *images.measure(plan.rounds),
            *command.measure(plan.rounds),
            *runtime.measure(plan.rounds, plan.seconds),
            *signatures.measure(),
        ]
        with open_scene() as scene:
            others = Interference(scene.cpu_s)
            webhooks = [*_measure_alone(scene, plan), *_measure_apiserver(scene, plan)]
            figures = [*alone, *webhooks]
            share = others.share()
            figures.append(Figure("machine_others_share", share, "%"))
            # Last, when it has served everything.
            rss_mib = scene.revet.usage().rss_mib
            figures.append(Figure("revet_rss", rss_mib, "MiB", at_most=100))
            figures.append(Figure("psa_rss", scene.psa.usage().rss_mib, "MiB"))
    except (ClusterError, command.CommandError, ToolchainError, TrafficError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print_report(figures)
    if share > BUSY:
        print(f"warning: others took {share:.0f} % of the machine: measure again when it is quiet")
    return 1 if shortfalls(figures) else 0


def _parse() -> Plan:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=16, help="rounds of each part (16)")
    parser.add_argument("--seconds", type=float, default=1.0, help="length of each run (1)")
    arguments = parser.parse_args()
    if arguments.rounds < 1 or arguments.seconds <= 0:
        parser.error("--rounds must be 1 or more, --seconds more than 0")
    return Plan(arguments.rounds, arguments.seconds)


def _measure_alone(scene: Scene, plan: Plan) -> list[Figure]:
    contenders = scene.contenders()
    samples = webhook.measure(contenders, plan.rounds, plan.seconds)
    half = median(sample.rate for sample in samples["validate"]) / 2
    validate = next(each for each in contenders if each.name == "validate")
    paced_p99 = median(webhook.measure_paced(validate, half, plan.rounds, plan.seconds))
    ratio = webhook.cpu_ratio(samples, "validate", "psa")
    return [
        *webhook.summarize(samples),
        Figure("validate_half_rate_p99", paced_p99, "ms", at_most=15),
        Figure("validate_cpu_ratio", ratio, "x", at_most=1),
        Figure("mutate_cpu_ratio", webhook.cpu_ratio(samples, "mutate", "psa"), "x"),
        Figure("restricted_cpu_ratio", webhook.cpu_ratio(samples, "restricted", "psa"), "x"),
    ]


def _measure_apiserver(scene: Scene, plan: Plan) -> list[Figure]:
    results = apiserver.measure(scene.site, scene.variants(), scene.pod, plan.rounds, plan.seconds)
    ratio = apiserver.rate_ratio(results, "validate", "noop")
    both = apiserver.rate_ratio(results, "mutate_validate", "noop")
    cpu = apiserver.cpu_ratio(results, "validate", "noop")
    return [
        *apiserver.summarize(results),
        Figure("apiserver_validate_ratio", ratio, "x", at_least=0.9),
        Figure("apiserver_mutate_validate_ratio", both, "x"),
        Figure("apiserver_validate_cpu_ratio", cpu, "x"),
    ]


if __name__ == "__main__":
    sys.exit(main())
