"""Progress is shown to whoever looks, once work has taken a while, and to nobody else."""

import os
import pty
import subprocess
import sys
from collections.abc import Iterator

import pytest

from revet.cli.check.progress import track

CODE = """
import sys
from revet.cli.check.progress import track
print(list(track(range(5), "Judging", {total}, clock=iter({times}).__next__)))
"""


def _run(times: list[float], total: int | None = 5) -> tuple[str, str]:
    """Return what comes on standard output, and on the terminal."""
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-c", CODE.format(times=times, total=total)],
        stdout=subprocess.PIPE,
        stderr=theirs,
        check=True,
        text=True,
        timeout=60,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "80"},
    )
    os.set_blocking(ours, False)
    try:
        shown = os.read(ours, 65536).decode()
    except BlockingIOError:
        shown = ""
    for end in (ours, theirs):
        os.close(end)
    return done.stdout, shown


def test_long_work_has_a_bar() -> None:
    output, shown = _run(times=[0.0, 0.0, 2.0])
    assert output == "[0, 1, 2, 3, 4]\n"
    assert "Judging" in shown
    assert "/5" in shown


def test_a_cluster_does_not_say_how_much_there_is() -> None:
    output, shown = _run(times=[0.0, 0.0, 2.0], total=None)
    assert output == "[0, 1, 2, 3, 4]\n"
    assert "Judging" in shown
    assert "/?" in shown


def test_short_work_has_none() -> None:
    assert _run(times=[0.0] * 9) == ("[0, 1, 2, 3, 4]\n", "")


def test_a_pipe_gets_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    def clock() -> Iterator[float]:
        yield from (0.0, 100.0)

    assert list(track([1, 2], "Judging", 2, clock=clock().__next__)) == [1, 2]
    assert capfd.readouterr().err == ""
