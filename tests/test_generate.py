"""Generated files: written where they differ, named where they are only to be checked."""

import runpy
from collections.abc import Callable
from pathlib import Path

import pytest

_ROOT = Path(__file__).parent.parent
_SCRIPT = runpy.run_path(str(_ROOT / "tools" / "generate.py"))
main: Callable[[list[str], Path], int] = _SCRIPT["main"]
FILES: dict[str, Callable[[], str]] = _SCRIPT["FILES"]


def test_what_is_committed_is_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"], _ROOT) == 0, capsys.readouterr().out


def test_writing_makes_the_check_pass(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"], tmp_path) == 1
    assert capsys.readouterr().out.splitlines() == [
        f"{name}: differs, run: make generate" for name in FILES
    ]
    assert list(tmp_path.iterdir()) == []
    assert main([], tmp_path) == 0
    assert capsys.readouterr().out.splitlines() == [f"{name}: written" for name in FILES]
    assert main(["--check"], tmp_path) == 0
    assert main([], tmp_path) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_was_edited_is_named(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main([], tmp_path)
    (tmp_path / name).write_text("edited\n", encoding="utf-8")
    capsys.readouterr()
    assert main(["--check"], tmp_path) == 1
    assert capsys.readouterr().out == f"{name}: differs, run: make generate\n"
