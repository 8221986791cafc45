"""What is measured of the operator, in the order of a day: it starts, writes, rests, and is shaken.

Its requests are counted by the API server's audit log, not by itself.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from bench.figures import Figure
from bench.scale import population
from bench.scale.stage import Stage
from bench.scale.storm import measure_storm
from bench.usage import Interference, read_usage
from e2e.api import wait_for
from e2e.standing import POLICIES
from e2e.trail import Request

STEPS: Final = 7
_OPERATOR: Final = "revet-operator"
_WRITTEN: Final = ("networkpolicies", "namespaces")
_LONG_S: Final = 900.0
#: Longer than anything waits that the operator has begun: a report comes once a minute at most.
_QUIET: Final = timedelta(seconds=65)
_HOUR_S: Final = 3600

Step = Callable[[str], None]


def measure(stage: Stage, rest_s: int, step: Step) -> list[Figure]:
    """Measure everything at one size."""
    step("the bare loop")
    loop_s = stage.run_loop()
    step("the operator")
    stage.install_reports()
    stage.release.operator.start()
    wait_for(lambda: _has_looked(stage), "all is seen")
    others = Interference(lambda: sum(read_usage(pid).cpu_s for pid in _pids(stage)))
    figures = [*_measure_convergence(stage, loop_s), *_measure_audit(stage)]
    step("the reports")
    figures += _measure_reports(stage)
    step("one label")
    figures += _measure_label(stage)
    step("at rest")
    figures += _measure_rest(stage, rest_s)
    step("the storm")
    figures += measure_storm(stage)
    figures.append(Figure("rss_peak", stage.peak_mib(), "MiB", at_most=200))
    step("done")
    return [*figures, Figure("machine_others_share", others.share(), "%")]


def _measure_convergence(stage: Stage, loop_s: float) -> list[Figure]:
    """From policies created to the last object written, all of which stand then."""
    requests = [stage.request("POST", each) for each in population.policies()]
    before = read_usage(stage.release.operator.pid).cpu_s
    began = datetime.now(UTC)
    stage.send(requests)
    # When it was is told by the audit log; to ask more often would be a load of its own.
    wait_for(lambda: _stands(stage), "all stands", _LONG_S, every_s=1)
    written = [each for each in stage.trail.writes() if each.at >= began]
    last = max(each.at for each in written if each.resource in _WRITTEN)
    seconds = (last - began).total_seconds()
    cpu_s = read_usage(stage.release.operator.pid).cpu_s - before
    return [
        Figure("converge", seconds, "s"),
        Figure("converge_cpu", cpu_s, "s"),
        Figure("loop", loop_s, "s"),
        Figure("converge_ratio", seconds / loop_s, "x", at_most=1.5),
        Figure("converge_writes", sum(each.resource in _WRITTEN for each in written), ""),
    ]


def _measure_audit(stage: Stage) -> list[Figure]:
    wait_for(lambda: _is_counted(stage), "all is counted", _LONG_S)
    seconds = stage.release.operator.metric("revet_audit_duration_seconds")
    return [Figure("audit", seconds, "s", at_most=15)]


def _measure_reports(stage: Stage) -> list[Figure]:
    """How many there are, and how big; as the API server gives them, with all their metadata."""
    _wait_until_quiet(stage)
    reports = stage.reports()
    most = stage.namespaces * len(population.policies())
    sizes = [len(text) / 1024 for text, _ in reports]
    excess = [size - 1.5 - 0.5 * count for (_, count), size in zip(reports, sizes, strict=True)]
    return [
        Figure("reports", len(reports), "", at_most=most),
        Figure("report_mean", sum(sizes) / len(sizes), "KiB"),
        Figure("report_results_mean", sum(count for _, count in reports) / len(reports), ""),
        Figure("report_over_its_bar", max(excess), "KiB", at_most=0),
        Figure("rss_written", read_usage(stage.release.operator.pid).rss_mib, "MiB"),
    ]


def _measure_label(stage: Stage) -> list[Figure]:
    """One namespace goes to another team: all requests until nothing is written any more."""
    asked, written = len(stage.trail.requests()), len(stage.trail.writes())
    stage.relabel(population.namespace_names(1)[0], population.team(1))
    wait_for(lambda: len(stage.trail.writes()) > written, "noticed")
    _wait_until_quiet(stage)
    requests = _without_lease(stage.trail.requests()[asked:])
    told = Counter(each.verb for each in requests)
    return [
        Figure("label_requests", len(requests), "", at_most=20),
        Figure("label_reads", told["get"] + told["list"] + told["watch"], ""),
    ]


def _measure_rest(stage: Stage, rest_s: int) -> list[Figure]:
    asked = len(stage.trail.requests())
    cpu_s = read_usage(stage.release.operator.pid).cpu_s
    time.sleep(rest_s)
    requests = _without_lease(stage.trail.requests()[asked:])
    writes = sum(each.is_write for each in requests)
    reads = (len(requests) - writes) * _HOUR_S / rest_s
    used = read_usage(stage.release.operator.pid)
    return [
        Figure("rest_writes", writes, "", at_most=0),
        Figure("rest_reads", reads, "1/h", at_most=60),
        Figure("rest_cpu", (used.cpu_s - cpu_s) / rest_s * 100, "%"),
        Figure("rss_rest", used.rss_mib, "MiB", at_most=200),
    ]


def _has_looked(stage: Stage) -> bool:
    """Tell whether the operator leads, and has seen what there is."""
    return stage.release.operator.metric("revet_reconciles_total", about="cluster") >= 1


def _stands(stage: Stage) -> bool:
    conditions = ("NetworkIsolated", "BaselineApplied")
    return all(
        _said(policy, kind) == "True"
        for policy in stage.read(POLICIES)["items"]
        for kind in conditions
    )


def _is_counted(stage: Stage) -> bool:
    policies = stage.read(POLICIES)["items"]
    pods = [each.get("status", {}).get("counts", {}).get("workloads", 0) for each in policies]
    return bool(sum(pods) == 2 * stage.namespaces * population.PODS)


def _wait_until_quiet(stage: Stage) -> None:
    """Wait until nothing was written for a while."""
    wait_for(lambda: stage.trail.writes()[-1].at < datetime.now(UTC) - _QUIET, "quiet", _LONG_S)


def _said(policy: dict[str, Any], kind: str) -> str:
    conditions = policy.get("status", {}).get("conditions", ())
    return next((each["status"] for each in conditions if each["type"] == kind), "")


def _without_lease(requests: Iterable[Request]) -> list[Request]:
    return [each for each in requests if each.resource != "leases" and each.account == _OPERATOR]


def _pids(stage: Stage) -> list[int]:
    return [*stage.plane.pids.values(), stage.release.operator.pid]
