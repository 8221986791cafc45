"""Measures the command line: `revet --help`, and `revet check` over many manifests."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from bench.figures import Figure
from bench.progress import Progress
from bench.review import read_pod

FILES, MANIFESTS = 500, 10_000
_KINDS = ("Deployment", "StatefulSet", "DaemonSet", "Pod")
_FINDINGS = 1
"""What `revet check` ends with where it has found something."""


class CommandError(Exception):
    """A command did not end as it should have, or has not read all that it was given."""


class Run(NamedTuple):
    """What one run of a program has taken."""

    seconds: float
    cpu_s: float
    rss_mib: float


def measure(rounds: int) -> list[Figure]:
    """Take the median of `revet --help`, and one run of `revet check`, which is long enough."""
    with Progress("the command line", rounds + 1) as progress:
        helps = []
        for _ in range(rounds):
            progress.step("revet --help")
            helps.append(_run(["--help"], 0).seconds)
        progress.step("revet check")
        checked = _measure_check()
    return [
        Figure("command_help", median(helps), "s", at_most=0.3),
        Figure("command_check", checked.seconds, "s", at_most=15),
        Figure("command_check_cpu", checked.cpu_s, "s"),
        Figure("command_check_rss", checked.rss_mib, "MiB", at_most=300),
    ]


def write_manifests(folder: Path, files: int, manifests: int) -> None:
    """Write YAML files of several kinds, as alike as the services of one company are."""
    import yaml  # noqa: PLC0415 -- only this part of the bench needs it

    each = manifests // files
    for number in range(files):
        documents = _render_manifests(number * each, each)
        text = yaml.dump_all(documents, Dumper=yaml.CSafeDumper, sort_keys=False)
        (folder / f"team-{number}.yaml").write_text(text, encoding="utf-8")


def _measure_check() -> Run:
    with tempfile.TemporaryDirectory(prefix="revet-bench-") as name:
        folder = Path(name) / "manifests"
        folder.mkdir()
        write_manifests(folder, FILES, MANIFESTS)
        report = Path(name) / "report.json"
        argv = ["check", str(folder), "-p", "restricted", "-o", "json", f"--output-file={report}"]
        run = _run(argv, _FINDINGS)
        read = json.loads(report.read_bytes())["objects"]
    if read != MANIFESTS:
        raise CommandError(f"revet check has judged {read} objects of {MANIFESTS}")
    return run


def _run(arguments: list[str], wanted: int) -> Run:
    program = str(Path(sys.executable).parent / "revet")
    started = time.monotonic()
    child = subprocess.Popen([program, *arguments], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    seconds = time.monotonic() - started
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != wanted:
        ended = f"ended with {child.returncode}, must end with {wanted}"
        raise CommandError(f"revet {' '.join(arguments)} {ended}")
    return Run(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def _render_manifests(first: int, count: int) -> Iterator[dict[str, Any]]:
    pod = json.loads(read_pod())
    for number in range(first, first + count):
        kind, labels = _KINDS[number % len(_KINDS)], {"app": f"service-{number}"}
        metadata = {"name": f"service-{number}", "namespace": "shop", "labels": labels}
        spec = json.loads(json.dumps(pod["spec"]))
        if number % 2:
            spec["hostNetwork"] = True  # So that there is something to refuse, in half of them.
            del spec["containers"][0]["securityContext"]
        if kind == "Pod":
            yield {"apiVersion": "v1", "kind": kind, "metadata": metadata, "spec": spec}
            continue
        template = {"metadata": {"labels": labels}, "spec": spec}
        body = {"selector": {"matchLabels": labels}, "template": template}
        yield {"apiVersion": "apps/v1", "kind": kind, "metadata": metadata, "spec": body}
