"""`revet explain`, `revet --version`: what they print, and how they end."""

import pytest
from typer.testing import CliRunner

from revet.cli.main import BAD_INPUT, app
from revet.core.checks import ALL

_PARTS = (
    "What\n",
    "Why\n",
    "How to fix\n",
    "What may break\n",
    "Judges\n",
    "Profiles\n",
    "In a policy",
    "Exceptions\n",
)


def _run(*args: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, args)
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize("control", [check.id for check in ALL])
def test_every_control_is_explained_whole(control: str) -> None:
    code, text, errors = _run("explain", control)
    assert (code, errors) == (0, "")
    assert text.startswith(f"{control}: ")
    assert all(part in text for part in _PARTS)
    assert max(map(len, text.splitlines())) <= 100


def test_several_are_explained_in_the_order_asked_each_once() -> None:
    code, text, _ = _run("explain", "sysctls", "apparmor", "sysctls")
    titles = [line for line in text.splitlines() if line.startswith(("sysctls:", "apparmor:"))]
    assert code == 0
    assert [title.partition(":")[0] for title in titles] == ["sysctls", "apparmor"]


def test_an_unknown_one_is_bad_input_with_a_hint_and_the_others_are_explained() -> None:
    code, text, errors = _run("explain", "run-as-nonroot", "sysctls")
    assert code == BAD_INPUT
    assert "no control 'run-as-nonroot': did you mean run-as-non-root?" in errors
    assert text.startswith("sysctls: ")


def test_one_like_no_other_is_told_what_there_is() -> None:
    code, text, errors = _run("explain", "zzz")
    assert (code, text) == (BAD_INPUT, "")
    assert "must be one of privileged-containers, " in errors


def test_the_version_is_printed() -> None:
    code, text, _ = _run("--version")
    assert code == 0
    assert text.startswith("revet 0.")
