"""`make test-all` finds the Pythons that are here, and not names with nothing behind them."""

import runpy
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

_SCRIPT = runpy.run_path(str(Path(__file__).parent.parent / "tools" / "test_all.py"))
find_python: Callable[[str], str | None] = _SCRIPT["find_python"]
VERSIONS: tuple[str, ...] = _SCRIPT["VERSIONS"]
MINE = f"{sys.version_info.major}.{sys.version_info.minor}"


def _write_program(path: Path, script: str) -> Path:
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def _search_only(monkeypatch: pytest.MonkeyPatch, *folders: Path) -> None:
    monkeypatch.setenv("PATH", ":".join(map(str, folders)))
    monkeypatch.setenv("PYENV_ROOT", str(folders[0]))


def test_the_supported_versions_are_those_of_the_package() -> None:
    project = (Path(__file__).parent.parent / "pyproject.toml").read_text(encoding="utf-8")
    assert (
        tuple(
            line.rpartition(":: ")[2].strip('",')
            for line in project.splitlines()
            if "Programming Language :: Python ::" in line
        )
        == VERSIONS
    )


def test_a_python_on_path_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = _write_program(tmp_path / f"python{MINE}", f'exec "{sys.executable}" "$@"')
    _search_only(monkeypatch, tmp_path)
    assert find_python(MINE) == str(program)


def test_one_that_does_not_run_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shims, real = tmp_path / "shims", tmp_path / "real"
    shims.mkdir()
    real.mkdir()
    _write_program(shims / f"python{MINE}", "echo no such version >&2; exit 127")
    program = _write_program(real / f"python{MINE}", f'exec "{sys.executable}" "$@"')
    _search_only(monkeypatch, shims, real)
    assert find_python(MINE) == str(program)


def test_pyenvs_versions_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "versions" / f"{MINE}.7" / "bin"
    folder.mkdir(parents=True)
    program = _write_program(folder / f"python{MINE}", f'exec "{sys.executable}" "$@"')
    _search_only(monkeypatch, tmp_path)
    assert find_python(MINE) == str(program)


def test_one_of_another_version_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _write_program(tmp_path / "python3.99", f'exec "{sys.executable}" "$@"')
    _search_only(monkeypatch, tmp_path)
    assert find_python("3.99") is None
