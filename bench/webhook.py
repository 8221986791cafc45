"""Measures webhooks by themselves: the same review to each in turn, over TLS, round by round."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from bench.figures import Figure, median_ratio
from bench.progress import Progress
from bench.servers import Server
from bench.traffic import Target, send
from bench.turns import take_turns
from bench.usage import Meter

CONNECTIONS = 16


@dataclass(frozen=True)
class Contender:
    """One path of one server."""

    name: str
    server: Server
    target: Target


@dataclass(frozen=True)
class Sample:
    """What one contender did in one round."""

    cpu_us: float
    """CPU time of the server for one review."""
    rate: float
    p50_ms: float
    p99_ms: float


Samples = Mapping[str, Sequence[Sample]]


def measure(contenders: Sequence[Contender], rounds: int, seconds: float) -> Samples:
    """Send as fast as each answers, in turns."""
    samples: dict[str, list[Sample]] = {each.name: [] for each in contenders}
    with Progress("webhooks", rounds * len(contenders)) as progress:
        for contender in take_turns(contenders, rounds):
            progress.step(contender.name)
            samples[contender.name].append(_measure_once(contender, seconds))
    return samples


def measure_paced(contender: Contender, rate: float, rounds: int, seconds: float) -> list[float]:
    """Send at this rate by the clock; give each round's p99 in milliseconds."""
    with Progress(f"{contender.name} at {rate:.0f}/s", rounds) as progress:
        found = []
        for _ in range(rounds):
            progress.step(contender.name)
            traffic = send(contender.target, connections=CONNECTIONS, seconds=seconds, rate=rate)
            found.append(traffic.p99_ms)
    return found


def summarize(samples: Samples) -> list[Figure]:
    """Take each contender's medians."""
    figures = []
    for name, each in samples.items():
        figures += [
            Figure(f"{name}_cpu", median(sample.cpu_us for sample in each), "us"),
            Figure(f"{name}_rate", median(sample.rate for sample in each), "1/s"),
            Figure(f"{name}_p50", median(sample.p50_ms for sample in each), "ms"),
            Figure(f"{name}_p99", median(sample.p99_ms for sample in each), "ms"),
        ]
    return figures


def cpu_ratio(samples: Samples, ours: str, reference: str) -> float:
    """Compare CPU per review, round by round."""
    return median_ratio(
        [sample.cpu_us for sample in samples[ours]],
        [sample.cpu_us for sample in samples[reference]],
    )


def _measure_once(contender: Contender, seconds: float) -> Sample:
    meter = Meter(contender.server.cpu_s)
    traffic = send(contender.target, connections=CONNECTIONS, seconds=seconds, ready=meter.start)
    return Sample(
        cpu_us=meter.read() / traffic.requests * 1e6,
        rate=traffic.rate,
        p50_ms=traffic.p50_ms,
        p99_ms=traffic.p99_ms,
    )
