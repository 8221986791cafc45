"""CPU time is counted for a process and for its children, or a forking server would look fast."""

import os
import subprocess
import sys
import time
from subprocess import PIPE

from bench.usage import Interference, Meter, read_usage

_BURN = "import time\nend = time.process_time() + 0.2\nwhile time.process_time() < end: pass\n"
_REST = "print('burnt', flush=True)\ninput()\n"
_FORK = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {_BURN + _REST!r}])\n"


def test_counts_a_process_and_its_children() -> None:
    for program in (_BURN + _REST, _FORK):
        argv = [sys.executable, "-c", program]
        with subprocess.Popen(argv, stdin=PIPE, stdout=PIPE) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == b"burnt\n"
            usage = read_usage(child.pid)
            assert 0.19 <= usage.cpu_s < 5
            assert 1 < usage.rss_mib < 200
            child.communicate(b"\n")


def test_agrees_with_the_kernel_about_ourselves() -> None:
    before = os.times()
    usage = read_usage(os.getpid())
    after = os.times()
    assert before.user + before.system - 0.02 <= usage.cpu_s <= after.user + after.system + 0.02


def test_a_meter_says_what_was_added() -> None:
    counter = iter([5.0, 7.5])
    meter = Meter(lambda: next(counter))
    meter.start()
    assert meter.read() == 2.5


def test_what_others_burn_is_interference_and_what_we_run_is_not() -> None:
    argv = [sys.executable, "-c", _BURN + _REST]
    with subprocess.Popen(argv, stdin=PIPE, stdout=PIPE) as other:
        started = time.monotonic()
        known = Interference(lambda: read_usage(other.pid).cpu_s)
        unknown = Interference(lambda: 0.0)
        assert other.stdout is not None
        assert other.stdout.readline() == b"burnt\n"
        cores = os.cpu_count() or 1
        least = 0.15 / ((time.monotonic() - started) * cores) * 100
        assert unknown.share() - known.share() > least / 2
        other.communicate(b"\n")
