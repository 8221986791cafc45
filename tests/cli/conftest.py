"""Asks `revet check` without a process: texts in, a report out."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from revet.cli.check.manifests import Question, check
from revet.cli.check.report import Report

Ask: TypeAlias = Callable[..., Report]


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Return what checks a text as the file in.yaml, with further fields of the Question."""
    monkeypatch.chdir(tmp_path)

    def run(text: str, **question: Any) -> Report:  # noqa: ANN401 -- as the Question's fields are
        Path("in.yaml").write_text(text, encoding="utf-8")
        return check(Question(("in.yaml",), **question))

    return run
