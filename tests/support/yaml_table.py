"""The table of what YAML means to Kubernetes: two tests hold it, from its two sides."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

_PATH: Final = Path(__file__).parents[1] / "data" / "yaml_scalars.yaml"
_DIFFERENCES: Final = "differences"


@dataclass(frozen=True)
class Case:
    """A text, and what kubectl makes of it: JSON, or an error."""

    text: str
    json: str | None = None
    error: str | None = None


@dataclass(frozen=True)
class Difference(Case):
    """A text that we read differently: the JSON of our documents, None where we refuse it."""

    ours: str | None = None
    why: str = ""


def read_cases() -> list[Case]:
    """Read what is the same on both sides."""
    table = yaml.safe_load(_PATH.read_text(encoding="utf-8"))
    groups = [rows for name, rows in table.items() if name != _DIFFERENCES]
    return [Case(**row) for rows in groups for row in rows]


def read_differences() -> list[Difference]:
    """Read where we differ."""
    table = yaml.safe_load(_PATH.read_text(encoding="utf-8"))
    return [Difference(**row) for row in table[_DIFFERENCES]]


def normalise(value: object) -> object:
    """Return a JSON value in which equal means equal in JSON: 1 is 1.0, and not true."""
    if isinstance(value, dict):
        return {key: normalise(each) for key, each in value.items()}
    if isinstance(value, list):
        return [normalise(each) for each in value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        is_whole = abs(value) < 2**63 and float(value).is_integer()
        return ("number", int(value) if is_whole else float(value))
    return (type(value).__name__, value)
