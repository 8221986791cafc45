"""CPU time is counted for a process and for its children, or a forking server would look fast."""

import os
import subprocess
import sys
from subprocess import PIPE

from bench.usage import read_usage

_BURN = "import time\nend = time.process_time() + 0.2\nwhile time.process_time() < end: pass\n"
_REST = "print('burnt', flush=True)\ninput()\n"
_FORK = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {_BURN + _REST!r}])\n"


def test_counts_a_process_and_its_children() -> None:
    for program in (_BURN + _REST, _FORK):
        argv = [sys.executable, "-c", program]
        with subprocess.Popen(argv, stdin=PIPE, stdout=PIPE) as child:  # noqa: S603 - our own
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
