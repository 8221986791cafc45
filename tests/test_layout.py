"""The house keeps its plan: import roots, sizes, docstrings; and nothing of one place is in it."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parent.parent
IMPORT_ROOTS: Final = ("core", "ingest", "operator", "webhook")
TEST_ROOTS: Final = ("bench", "e2e", "tests")
MOST_LINES: Final = 300
MOST_FUNCTION_LINES: Final = 40

# Addresses of package registries, the public ones and what private mirrors look like.
REGISTRY: Final = re.compile(
    r"https?://[^\s\"'`)]*(pypi|pythonhosted|artifactory|jfrog|nexus|npmjs|proxy\.golang|/simple\b)"
    r"|\b(extra-)?index[-]url\b|\bGOPROXY\s*=\s*http",
    re.IGNORECASE,
)
# A folder of one person's on one machine.
HOME: Final = re.compile(r"(?<![\w.$}~/])/(home|Users|root)/[\w.]+")


def _files() -> list[Path]:
    """Name what is committed, or would be by `git add`."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    found = subprocess.run(listing, cwd=ROOT, check=True, capture_output=True, text=True)
    paths = [ROOT / name for name in found.stdout.split("\0") if name]
    return [path for path in paths if path.is_file()]


FILES: Final = _files()
MODULES: Final = [path for path in FILES if path.suffix == ".py"]


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_there_is_something_to_look_at() -> None:
    assert ROOT / "pyproject.toml" in FILES
    assert len(MODULES) > 100


def test_a_source_distribution_holds_what_is_committed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    included = project["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    tops = {path.relative_to(ROOT).parts[0] for path in FILES}
    # pyproject.toml is always in it.
    wanted = {each for each in tops if not each.startswith(".")} - {"pyproject.toml"}
    assert {each.removeprefix("/") for each in included} == wanted


@pytest.mark.parametrize("root", IMPORT_ROOTS)
def test_an_import_root_holds_only_revet(root: str) -> None:
    tops = {
        path.relative_to(ROOT / root).parts[0] for path in FILES if path.is_relative_to(ROOT / root)
    }
    assert tops == {"revet"}


@pytest.mark.parametrize("root", IMPORT_ROOTS)
def test_revet_is_a_namespace_package(root: str) -> None:
    """An `__init__.py` in one of the four would hide the other three."""
    assert [path.name for path in (ROOT / root / "revet").glob("*.py")] == []


def test_the_folder_operator_does_not_hide_pythons_module() -> None:
    code = (
        "import sys; sys.path.insert(0, ''); import operator, collections; print(operator.__file__)"
    )
    command = [sys.executable, "-c", code]
    found = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    assert not Path(found.stdout.strip()).is_relative_to(ROOT / "operator")


def test_every_folder_of_tests_is_a_package() -> None:
    folders = {path.parent for path in MODULES if path.relative_to(ROOT).parts[0] in TEST_ROOTS}
    assert folders
    assert [
        _name(folder) for folder in sorted(folders) if not (folder / "__init__.py").is_file()
    ] == []


def test_no_module_is_too_long() -> None:
    lengths = {_name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}
    assert {name: lines for name, lines in lengths.items() if lines > MOST_LINES} == {}


def test_no_function_is_too_long() -> None:
    lengths = {
        f"{_name(path)}:{node.name}": (node.end_lineno or 0) - node.lineno + 1
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert {name: lines for name, lines in lengths.items() if lines > MOST_FUNCTION_LINES} == {}


def test_every_module_says_what_it_is() -> None:
    trees = {_name(path): ast.parse(path.read_bytes()) for path in MODULES}
    assert [name for name, tree in trees.items() if not ast.get_docstring(tree)] == []


def test_there_is_no_lock_file_with_addresses() -> None:
    assert [_name(path) for path in FILES if path.name == "uv.lock"] == []


@pytest.mark.parametrize("pattern", [REGISTRY, HOME], ids=["registry", "home"])
def test_nothing_of_this_place_is_committed(pattern: re.Pattern[str]) -> None:
    found = [
        f"{_name(path)}: {match[0]}"
        for path in FILES
        for match in pattern.finditer(path.read_text(encoding="utf-8", errors="replace"))
    ]
    assert found == []


@pytest.mark.parametrize(
    "text",
    [
        "https://" + "pypi.org/simple/ruff",
        "http://mirror.local:8081/" + "nexus/x",
        "--index" + "-url=https://x",
        "GOPROXY=" + "https://x",
    ],
)
def test_addresses_of_registries_are_seen(text: str) -> None:
    assert REGISTRY.search(text)


def test_home_folders_are_seen() -> None:
    assert HOME.search('path = "/' + 'home/me/x"')
    assert not HOME.search("https://example.com/home/me")
