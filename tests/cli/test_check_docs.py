"""docs/check.md tells every flag, and its example is what the command prints."""

import re
from pathlib import Path
from typing import Final

import typer

from revet.cli.check.output.text import Style, render_text
from revet.cli.main import check
from revet.core.model.mode import Mode
from tests.cli.reports import REPORT

PAGE: Final = Path(__file__).parent.parent.parent / "docs" / "check.md"


def test_every_flag_is_told() -> None:
    app = typer.Typer()
    app.command()(check)
    options = (each for each in typer.main.get_command(app).params if each.name != "paths")
    flags = {flag for each in options for flag in each.opts}
    flags -= {"--help", "--install-completion", "--show-completion"}
    text = PAGE.read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`-[^|]+)\|", text, re.MULTILINE)
    assert {flag for row in rows for flag in re.findall(r"`([^`]+)`", row)} == flags


def test_the_example_is_what_it_prints() -> None:
    shown = render_text(REPORT, Mode.ENFORCE, Style()).partition("\n\n")[0]
    assert f"```\n{shown}\n```" in PAGE.read_text(encoding="utf-8")
