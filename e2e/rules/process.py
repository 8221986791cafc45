"""Asks Prometheus' engine what expressions return over made-up series, minute by minute."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from e2e.cluster.toolchain import build_go

_TIMEOUT_S: Final = 60


def evaluate(series: str, expressions: Sequence[str], minutes: int) -> list[list[bool]]:
    """Tell, for each expression, in which minutes it returns anything.

    `series` is written as for promtool's unit tests of rules, one series a line.
    """
    question = {"series": f"load 1m\n{series}", "expressions": expressions, "minutes": minutes}
    [program] = build_go(Path(__file__).parent, ["."], ["rules"])
    done = subprocess.run(
        [program],
        input=json.dumps(question),
        capture_output=True,
        text=True,
        check=False,
        timeout=_TIMEOUT_S,
    )
    if done.returncode != 0:
        raise ValueError(f"Prometheus refuses {series!r} or one of {expressions}: {done.stderr}")
    answer: list[list[bool]] = json.loads(done.stdout)
    return answer
