"""The good and bad policies of tests/data/policies, which the model and a real server judge alike.

A bad one says in comments what each side answers: `# model:` gives all lines of the model's error,
`# server:` a part of the API server's.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

_FOLDER = Path(__file__).parent.parent / "data" / "policies"


@dataclass(frozen=True)
class PolicyFile:
    """One file, as JSON, with what is expected of it."""

    name: str
    text: str
    model: tuple[str, ...]
    server: tuple[str, ...]


def load_policies(kind: str) -> list[PolicyFile]:
    """Read the `good` or the `bad` policies."""
    paths = sorted((_FOLDER / kind).glob("*.yaml"))
    if not paths:
        raise FileNotFoundError(f"{_FOLDER / kind} holds no policies")
    return [_load(path) for path in paths]


def _load(path: Path) -> PolicyFile:
    text = path.read_text(encoding="utf-8")
    return PolicyFile(
        path.stem,
        json.dumps(yaml.safe_load(text)),
        tuple(_expected(text, "# model: ")),
        tuple(_expected(text, "# server: ")),
    )


def _expected(text: str, mark: str) -> Iterator[str]:
    for line in text.splitlines():
        if line.startswith(mark):
            yield line.removeprefix(mark)
