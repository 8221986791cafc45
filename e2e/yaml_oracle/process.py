"""The program run once for many texts. Apart, so that tests see texts and answers, no pipes."""

import subprocess
from collections.abc import Iterable
from pathlib import Path

import msgspec

from e2e.cluster.toolchain import build_go


class Answer(msgspec.Struct, frozen=True):
    """What kubectl reads: JSON, or why it refuses; `strict` is why it would with --strict."""

    json: str
    error: str
    strict: str


def build() -> Path:
    """Build the program, once for each version of its sources."""
    return build_go(Path(__file__).parent, ["."], ["yaml-oracle"])[0]


def ask(texts: Iterable[str], *, as_json: bool = False) -> list[Answer]:
    """Have texts read, as YAML or as JSON."""
    questions = b"".join(
        msgspec.json.encode({"text": text, "json": as_json}) + b"\n" for text in texts
    )
    done = subprocess.run([build()], input=questions, capture_output=True, check=True)
    return [msgspec.json.decode(line, type=Answer) for line in done.stdout.splitlines()]
