"""Runs a long command and shows that it still lives: a build of minutes must not look stuck."""

import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

_HEARTBEAT_S = 20.0
_LIVE_S = 1.0


class CommandError(Exception):
    """A command ended with an error, or could not be started."""


def run_with_progress(
    label: str, argv: Sequence[str], cwd: Path, env: Mapping[str, str] | None = None
) -> None:
    """Run a command; its output is shown only when it fails, the time it takes on stderr."""
    started = time.monotonic()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            argv, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        try:
            code = _wait(process, label, started)
        except BaseException:
            process.send_signal(signal.SIGINT)  # Go stops its compilers on this one
            process.wait()
            raise
        output.seek(0)
        text = output.read().decode(errors="replace")
    if code != 0:
        _say(f"{label}: failed after {_elapsed(started)}")
        tail = "\n".join(text.splitlines()[-30:])
        raise CommandError(f"{label}: exit code {code} from `{' '.join(argv)}` in {cwd}:\n{tail}")
    _say(f"{label}: done in {_elapsed(started)}")


def _wait(process: subprocess.Popen[bytes], label: str, started: float) -> int:
    live = sys.stderr.isatty()
    _say(f"{label} ...", live=live)
    while True:
        try:
            return process.wait(timeout=_LIVE_S if live else _HEARTBEAT_S)
        except subprocess.TimeoutExpired:
            _say(f"{label} ... {_elapsed(started)}", live=live)


def _elapsed(started: float) -> str:
    minutes, seconds = divmod(int(time.monotonic() - started), 60)
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def _say(text: str, *, live: bool = False) -> None:
    """Print one line; a live line is overwritten by the next one."""
    start = "\r\x1b[2K" if sys.stderr.isatty() else ""
    print(f"{start}{text}", end="" if live else "\n", file=sys.stderr, flush=True)
