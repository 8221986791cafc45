"""`revet check --diff`: what is shown, and that it is what patch takes."""

import subprocess
from pathlib import Path

import pytest

from tests.cli.fix.pods import MENDED, POD, run_check


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_diff_writes_nothing_and_is_what_patch_takes() -> None:
    Path("in.yaml").write_text(POD.removesuffix("\n"), encoding="utf-8")
    code, diff, errors = run_check("--diff", "in.yaml")
    assert code == 1
    assert Path("in.yaml").read_text(encoding="utf-8") == POD.removesuffix("\n")
    assert "in.yaml: would be fixed: Pod default/web: " in errors
    subprocess.run(["/usr/bin/git", "apply"], input=diff, text=True, check=True)
    assert Path("in.yaml").read_text(encoding="utf-8") == (POD + MENDED).removesuffix("\n")


@pytest.mark.parametrize(
    "name", ["sp ace.yaml", 'qu"ote.yaml', "back\\slash.yaml", "\x1b[31mred\n.yaml", "ü\x9b.yaml"]
)
def test_a_diff_quotes_names_as_git_does(name: str) -> None:
    Path(name).write_text(POD, encoding="utf-8")
    _, diff, _ = run_check("--diff", name)
    head, _, _ = diff.partition("@@")
    assert len(head.splitlines()) == 2
    assert all(" " <= each <= "~" or each in "\n\t" for each in head)
    subprocess.run(["/usr/bin/git", "apply"], input=diff, text=True, check=True)
    assert Path(name).read_text(encoding="utf-8") == POD + MENDED


def test_standard_input_is_shown_and_never_written() -> None:
    code, diff, _ = run_check("--diff", "-", stdin=POD)
    assert code == 1
    assert "+      allowPrivilegeEscalation: false\n" in diff
    assert run_check("--fix", "-", stdin=POD)[0] == 2


def test_both_write_and_show() -> None:
    Path("in.yaml").write_text(POD, encoding="utf-8")
    _, diff, errors = run_check("--fix", "--diff", "in.yaml")
    assert diff.startswith("--- a/in.yaml\n+++ b/in.yaml\n")
    assert "in.yaml: fixed: " in errors
    assert Path("in.yaml").read_text(encoding="utf-8") == POD + MENDED


@pytest.mark.parametrize("args", [("-o", "json"), ("--output-file", "x")])
def test_a_diff_is_no_report(args: tuple[str, ...]) -> None:
    Path("in.yaml").write_text(POD, encoding="utf-8")
    assert run_check("--diff", "in.yaml", *args)[0] == 2
