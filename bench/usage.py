"""What a process and its children have used, from /proc: the kernel's own count."""

import os
import re
from pathlib import Path
from typing import NamedTuple

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class Usage(NamedTuple):
    """CPU time since the start, user and system, and the resident memory now."""

    cpu_s: float
    rss_mib: float


class _Stat(NamedTuple):
    parent: int
    cpu_s: float


def read_usage(pid: int) -> Usage:
    """Add up a process and all that it has started."""
    family = _family(pid)
    cpu_s = sum(stat.cpu_s for stat in family.values())
    return Usage(cpu_s, sum(map(_read_rss_mib, family)))


def _family(pid: int) -> dict[int, _Stat]:
    stats = {int(path.name): _read_stat(path) for path in Path("/proc").glob("[0-9]*")}
    family = {pid: stats[pid]}
    # A child's pid may be lower than its parent's, so look until no more are found.
    while more := {
        child: stat
        for child, stat in stats.items()
        if child not in family and stat.parent in family
    }:
        family |= more
    return family


def _read_stat(process: Path) -> _Stat:
    try:
        text = (process / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return _Stat(0, 0.0)  # It has ended since it was listed.
    fields = text.rpartition(")")[2].split()  # The name in parentheses may hold spaces.
    parent, user, system = fields[1], fields[11], fields[12]
    return _Stat(int(parent), (int(user) + int(system)) / _TICKS_PER_S)


def _read_rss_mib(pid: int) -> float:
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    found = re.search(r"^Rss:\s+(\d+) kB$", text, re.MULTILINE)
    if found is None:
        raise ValueError(f"/proc/{pid}/smaps_rollup has no line `Rss: N kB`")
    return int(found[1]) / 1024
