"""`revet check --diff`: it writes nothing, is what others apply, and is no report."""

import subprocess
from functools import partial
from pathlib import Path

import pytest

from tests.cli.command import invoke
from tests.cli.fix.test_files import MENDED, POD

_run = partial(invoke, "check")


def test_a_diff_writes_nothing_and_is_what_patch_takes() -> None:
    Path("in.yaml").write_text(POD.removesuffix("\n"), encoding="utf-8")
    code, diff, errors = _run("--diff", "in.yaml")
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
    _, diff, _ = _run("--diff", name)
    head, _, _ = diff.partition("@@")
    assert len(head.splitlines()) == 2
    assert all(" " <= each <= "~" or each in "\n\t" for each in head)
    subprocess.run(["/usr/bin/git", "apply"], input=diff, text=True, check=True)
    assert Path(name).read_text(encoding="utf-8") == POD + MENDED


@pytest.mark.parametrize("args", [("-o", "json"), ("--output-file", "x")])
def test_a_diff_is_no_report(args: tuple[str, ...]) -> None:
    Path("in.yaml").write_text(POD, encoding="utf-8")
    assert _run("--diff", "in.yaml", *args)[0] == 2
