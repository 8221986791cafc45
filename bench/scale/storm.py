"""All pods are deleted and created anew within two minutes: what that costs, and what it leaves."""

import time
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from itertools import pairwise
from typing import Final

from bench.figures import Figure
from bench.scale import population
from bench.scale.stage import Stage
from bench.usage import read_usage
from e2e.trail import Request

_STORM_S: Final = 120.0
_WAVES: Final = 24
_AFTER_S: Final = 90.0  # each report is written once more, and memory is given back
_LEFT: Final = 0.1
_CAP_S: Final = 59.5  # a minute, but for what the way to the API server differs by
_REPORTS: Final = "reports"


def measure_storm(stage: Stage) -> list[Figure]:
    """Measure it."""
    pid = stage.release.operator.pid
    before = read_usage(pid)
    asked = len(stage.trail.requests())
    began = time.monotonic()
    names = population.namespace_names(stage.namespaces)
    for wave in range(_WAVES):
        stage.recreate(names[wave::_WAVES])
        ahead_s = began + (wave + 1) * _STORM_S / _WAVES - time.monotonic()
        time.sleep(max(ahead_s, 0))
    took_s = time.monotonic() - began
    used = read_usage(pid)
    time.sleep(_AFTER_S)
    written = _report_writes(stage.trail.requests()[asked:])
    after = read_usage(pid)
    minutes = (took_s + _AFTER_S) / 60
    return [
        Figure("storm", took_s, "s"),
        Figure("storm_cpu", (used.cpu_s - before.cpu_s) / took_s * 100, "%"),
        Figure(
            "storm_report_writes",
            sum(map(len, written.values())),
            "",
            at_most=2 * stage.namespaces * minutes,
        ),
        Figure("storm_report_apart", _least_apart(written.values()), "s", at_least=_CAP_S),
        Figure(
            "storm_rss_left",
            after.rss_mib - before.rss_mib,
            "MiB",
            at_most=_LEFT * before.rss_mib,
        ),
    ]


def _report_writes(requests: Iterable[Request]) -> dict[tuple[str, str], list[datetime]]:
    """Return when each report was written."""
    written: dict[tuple[str, str], list[datetime]] = defaultdict(list)
    for each in requests:
        if each.resource == _REPORTS and each.is_write:
            written[each.namespace, each.name].append(each.at)
    return written


def _least_apart(several: Iterable[list[datetime]]) -> float:
    """Return the shortest time between two writes of one report; the longest if there is none."""
    gaps = (later - earlier for times in several for earlier, later in pairwise(sorted(times)))
    return min((gap.total_seconds() for gap in gaps), default=_STORM_S)
