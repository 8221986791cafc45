"""What a process and its children have used, from /proc: the kernel's own count."""

import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

BUSY = 5.0
"""Above this share of the machine, in percent, others make the figures doubtful."""
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class Usage(NamedTuple):
    """CPU time since the start, user and system, and the resident memory now."""

    cpu_s: float
    rss_mib: float


class _Stat(NamedTuple):
    parent: int
    cpu_s: float


class Meter:
    """Reads a counter twice, for what was added between."""

    def __init__(self, counter: Callable[[], float]) -> None:
        self._counter = counter
        self._before = 0.0

    def start(self) -> None:
        """Note where the counter stands."""
        self._before = self._counter()

    def read(self) -> float:
        """Say what was added since."""
        return self._counter() - self._before


class Interference:
    """Tells how much of the machine was not ours: other programs, and a hypervisor's other guests.

    `ours` reads the CPU time of the servers; ourselves and what we have run are added to it.
    """

    def __init__(self, ours: Callable[[], float]) -> None:
        self._ours = ours
        self._cores = os.cpu_count() or 1
        self._meters = (Meter(time.monotonic), Meter(_read_busy_s), Meter(self._read_ours_s))
        for meter in self._meters:
            meter.start()

    def share(self) -> float:
        """Give the share of the time since the start, in percent."""
        elapsed_s, busy_s, ours_s = (meter.read() for meter in self._meters)
        return max(busy_s - ours_s, 0.0) / (elapsed_s * self._cores) * 100

    def _read_ours_s(self) -> float:
        own = os.times()
        return self._ours() + sum(own[:4])


def _read_busy_s() -> float:
    """Read the time that all cores have worked, or would have if the hypervisor had let them."""
    fields = Path("/proc/stat").read_text().splitlines()[0].split()
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, fields[1:9])
    return (user + nice + system + irq + softirq + steal) / _TICKS_PER_S


def read_usage(pid: int) -> Usage:
    """Add up a process and all that it has started."""
    family = _family(pid)
    cpu_s = sum(stat.cpu_s for stat in family.values())
    return Usage(cpu_s, sum(map(read_rss_mib, family)))


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


def read_rss_mib(pid: int) -> float:
    """Read how much memory of a process is resident."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    found = re.search(r"^Rss:\s+(\d+) kB$", text, re.MULTILINE)
    if found is None:
        raise ValueError(f"/proc/{pid}/smaps_rollup has no line `Rss: N kB`")
    return int(found[1]) / 1024
