"""Where the report of `revet check` goes, and what the terminal there can show."""

import os
import sys
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import TextIO

import typer

from revet.cli.check.output import FORMATS
from revet.cli.check.output.text import Style, list_failures, render_text, render_verdict
from revet.cli.check.report import Exit, Report
from revet.core.model.mode import Mode


@dataclass(frozen=True, slots=True)
class Printing:
    """How a report is printed: in which form, and into which file, if not to standard output."""

    fail_on: Mode
    form: str
    file: Path | None = None

    def print(self, report: Report) -> Exit:
        """Print the report, and return what to end with."""
        if self.file is None:
            write(self._render(report, _style(sys.stdout)), sys.stdout)
        else:
            try:
                self.file.write_text(
                    self._render(report, Style()) + "\n", encoding="utf-8", errors="replace"
                )
            except OSError as error:
                typer.echo(f"revet check: {self.file} can't be written: {error.strerror}", err=True)
                return Exit.BAD_INPUT
        if self.form != "text" or self.file is not None:
            # Whoever looks at the log of a job sees what the file or the pipe does not show there.
            self.say(report)
        return report.exit(self.fail_on)

    def say(self, report: Report) -> Exit:
        """Say on standard error what went wrong and how it went, and return what to end with."""
        lines = [*list_failures(report), render_verdict(report, self.fail_on, Style())]
        write("\n".join(lines), sys.stderr)
        return report.exit(self.fail_on)

    def _render(self, report: Report, style: Style) -> str:
        if self.form == "text":
            return render_text(report, self.fail_on, style)
        return FORMATS[self.form](report, self.fail_on)


def _style(stream: TextIO) -> Style:
    """Return what a stream can show (https://no-color.org)."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return Style(on=stream.isatty() and not plain)


def write(text: str, stream: TextIO) -> None:
    """Write a text, if there is any, also where the encoding has not all of its characters."""
    if isinstance(stream, TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")
    if text:
        print(text, file=stream)
