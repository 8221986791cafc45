"""Go programs are built once, whole, and again when their sources change."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.cluster.toolchain import Go, ToolchainError, build_go, required_version

_NAME = "revet-e2e-hello"
_SOURCE = """\
package main

import "fmt"

var from = "source"

func main() { fmt.Println("hello", from) }
"""


@pytest.fixture
def module(tmp_path: Path) -> Iterator[Path]:
    """Give a small Go module; what it leaves in the cache is removed."""
    (tmp_path / "go.mod").write_text("module example.org/hello\n\ngo 1.21\n")
    (tmp_path / "main.go").write_text(_SOURCE)
    yield tmp_path
    cache = Path(__file__).parents[1] / ".cache" / "go"
    for path in cache.glob(f"{_NAME}-*"):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def test_a_second_build_is_the_first_one(module: Path) -> None:
    (first,) = build_go(module, ["."], [_NAME])
    assert _run(first) == "hello source\n"
    made = first.stat().st_mtime_ns
    (second,) = build_go(module, ["."], [_NAME])
    assert second == first
    assert second.stat().st_mtime_ns == made


def test_other_sources_or_flags_are_another_build(module: Path) -> None:
    (plain,) = build_go(module, ["."], [_NAME])
    (flagged,) = build_go(module, ["."], [_NAME], ldflags="-X main.from=flags")
    assert _run(flagged) == "hello flags\n"
    (module / "main.go").write_text(_SOURCE.replace("hello", "good day"))
    (changed,) = build_go(module, ["."], [_NAME])
    assert _run(changed) == "good day source\n"
    assert len({plain, flagged, changed}) == 3
    assert _run(plain) == "hello source\n"


def test_a_failed_build_tells_why_and_leaves_nothing(module: Path) -> None:
    (module / "main.go").write_text("package main\n\nfunc main() { undefined() }\n")
    for _ in range(2):  # the second one must not find the remains of the first
        with pytest.raises(ToolchainError, match="undefined: undefined"):
            build_go(module, ["."], [_NAME])


def test_each_package_has_a_name(module: Path) -> None:
    with pytest.raises(ValueError, match="2 packages but 1 names"):
        build_go(module, [".", "./other"], [_NAME])


def test_a_module_without_a_go_line_is_an_error(module: Path) -> None:
    assert required_version(module) == "1.21"
    (module / "go.mod").write_text("module example.org/hello\n")
    with pytest.raises(ToolchainError, match="has no `go VERSION` line"):
        required_version(module)


@pytest.mark.parametrize(
    ("version", "minimum", "enough"),
    [
        ("go1.26.8", "1.26.0", True),
        ("go1.26.0", "1.26.0", True),
        ("go1.26", "1.26", True),
        ("go1.27.3", "1.26.0", True),
        ("go1.9.1", "1.26.0", False),
        ("go1.26rc1", "1.26.0", False),
        ("go1.25.9", "1.26.0", False),
        ("devel", "1.26.0", False),
    ],
)
def test_versions_are_compared_as_numbers(version: str, minimum: str, *, enough: bool) -> None:
    assert Go(Path("go"), version).is_at_least(minimum) == enough


def _run(program: Path) -> str:
    return subprocess.run([program], capture_output=True, text=True, check=True).stdout
