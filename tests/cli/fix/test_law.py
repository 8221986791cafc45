"""Laws of `revet check --fix`, tried on every pod of tests/data/checks in several hands."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from revet.cli.check.fixing import Fixes
from revet.cli.check.manifests import Question, check
from revet.cli.check.report import Report
from tests.support.check_files import CheckFile, load_check_files

FILES: Final = load_check_files()


def _in_flow_style(manifest: dict[str, Any]) -> str:
    return yaml.safe_dump(manifest, default_flow_style=True, sort_keys=False)


def _in_block_style(manifest: dict[str, Any]) -> str:
    return yaml.safe_dump(manifest, default_flow_style=False, sort_keys=False, indent=4)


def _as_json(manifest: dict[str, Any]) -> str:
    return json.dumps(manifest, indent="\t")


HANDS: Final[tuple[Callable[[dict[str, Any]], str], ...]] = (
    _in_flow_style,
    _in_block_style,
    _as_json,
)


def _fix(text: str) -> tuple[str, Report]:
    Path("in.yaml").write_bytes(text.encode())
    fixes = Fixes()
    question = Question(("in.yaml",), ("high",), namespace="shop")
    report = check(question, fixes.take)
    fixed = list(fixes.rewrite(b""))
    assert [each.refused for each in fixed if each.refused] == []
    return (fixed[0].after if fixed else text.encode()).decode(), report


def _patched(report: Report) -> set[tuple[str, str]]:
    return {(each.control, each.pointer) for each in report.findings if each.patched}


def _left(report: Report) -> set[tuple[str, str]]:
    return {(each.control, each.pointer) for each in report.findings if not each.patched}


def _hold(text: str) -> None:
    fixed, before = _fix(text)
    again, after = _fix(fixed)
    assert again == fixed
    assert _patched(after) == set()
    # What a fix can't mend is as it was, but for what the fixed object shows anew.
    assert _left(after) == _left(before)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.title)
def test_a_fixed_file_has_no_finding_of_what_was_fixed(
    file: CheckFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _hold(file.text)
    # One of them for each file: a hand writes all files alike.
    write = HANDS[FILES.index(file) % len(HANDS)]
    _hold(write(file.manifest))
