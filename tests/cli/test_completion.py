"""Completion: what shells and kubectl are offered, asked as they ask."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from typer.testing import CliRunner

from revet.cli.main import app
from revet.core.checks import BY_ID

BIN: Final = Path(sys.executable).parent
COMMANDS: Final = {
    "check",
    "cleanup",
    "controls",
    "explain",
    "release",
    "render",
    "status",
    "verify",
}


def _complete(*words: str) -> tuple[list[str], str]:
    """Ask as kubectl does: values, and what is said of files."""
    done = subprocess.run(
        [BIN / "kubectl_complete-revet", *words], check=True, capture_output=True, text=True
    )
    assert done.stderr == ""
    *lines, directive = done.stdout.splitlines()
    return [line.partition("\t")[0] for line in lines], directive


def _complete_in_bash(line: str) -> list[str]:
    words = line.split(" ")
    asked = {
        "_REVET_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
    }
    done = subprocess.run(
        [BIN / "revet"], check=True, capture_output=True, text=True, env={**os.environ, **asked}
    )
    return done.stdout.split()


def test_kubectl_is_offered_the_commands() -> None:
    assert set(_complete("")[0]) == COMMANDS
    assert _complete("expl") == (["explain"], ":4")


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("explain", "rbac-e"), [each for each in BY_ID if each.startswith("rbac-e")]),
        (("explain", "sysctls", "apparm"), ["apparmor"]),
        (("controls", "--profile", "re"), ["restricted"]),
        (("check", "--fail-on", ""), ["audit", "warn", "enforce"]),
        (("check", "--output-f"), ["--output-file"]),
    ],
)
def test_the_shell_and_kubectl_are_offered_the_same(
    words: tuple[str, ...], found: list[str]
) -> None:
    assert _complete(*words) == (found, ":4")
    assert _complete_in_bash(" ".join(("revet", *words))) == found


def test_where_a_path_stands_the_shell_offers_files() -> None:
    assert _complete("check", "dep") == ([], ":0")


def test_a_word_that_is_no_shell_word_does_no_harm() -> None:
    assert _complete("explain", "it's", "$(x)", "apparm") == (["apparmor"], ":4")


def test_a_script_for_the_shell_is_printed() -> None:
    asked = {"_REVET_COMPLETE": "source_bash"}
    done = subprocess.run(
        [BIN / "revet"], check=True, capture_output=True, text=True, env={**os.environ, **asked}
    )
    assert "_REVET_COMPLETE=complete_bash" in done.stdout


def test_completion_imports_nothing_that_is_slow() -> None:
    code = (
        "import sys; from revet.cli.main import _complete_control as find; find('a');"
        " print([each for each in ('msgspec', 'pydantic', 'rich', 'yaml') if each in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"


def test_the_plugin_is_the_same_program_under_kubectls_name() -> None:
    done = subprocess.run(
        [BIN / "kubectl-revet", "--help"], check=True, capture_output=True, text=True
    )
    assert done.stdout.startswith("Usage: kubectl revet [OPTIONS] COMMAND")
    shown = done.stdout.partition("Commands:\n")[2].splitlines()
    assert {line.split()[0] for line in shown} == COMMANDS


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_option_of_every_command_has_its_help(command: str) -> None:
    text = CliRunner().invoke(app, [command, "--help"]).stdout
    options = [line for line in text.splitlines() if line.startswith(("  -", "   -"))]
    assert options
    blocks = text.partition("Options:")[2].split("\n  -")[1:]
    assert all(len(block.split()) > 3 or "--help" in block for block in blocks)
