"""Revet as a plugin: `kubectl revet ...` runs `kubectl-revet`, and asks another for completions.

https://kubernetes.io/docs/tasks/extend-kubectl/kubectl-plugins/
"""

import os
import shlex
import sys
from contextlib import redirect_stdout, suppress
from io import StringIO
from typing import Final

from revet.cli.main import app

# What kubectl is told after the completions: whether its shell may offer files besides.
_FILES: Final = ":0"
_NO_FILES: Final = ":4"


def main() -> None:
    """Run the command line under kubectl's name."""
    app(prog_name="kubectl revet")


def complete() -> None:
    """Print what may stand in place of the last argument, in the form that kubectl reads."""
    *words, incomplete = sys.argv[1:] or [""]
    line = f"{shlex.join(['revet', *words])} {shlex.quote(incomplete) if incomplete else ''}"
    # What typer's script for fish asks: lines of a value, a tab and its meaning, as kubectl's are.
    os.environ["_REVET_COMPLETE"] = "complete_fish"
    os.environ["_TYPER_COMPLETE_FISH_ACTION"] = "get-args"
    os.environ["_TYPER_COMPLETE_ARGS"] = line
    found = StringIO()
    with redirect_stdout(found), suppress(SystemExit):
        app(prog_name="revet")
    lines = found.getvalue().strip()
    print("\n".join([lines, _NO_FILES] if lines else [_FILES]))  # noqa: T201 -- it is the answer
