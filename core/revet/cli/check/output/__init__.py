"""The forms of a report: each module turns the same values into text."""

from collections.abc import Callable
from typing import Final

from revet.cli.check.output.json import render_json
from revet.cli.check.output.junit import render_junit
from revet.cli.check.output.sarif import render_sarif
from revet.cli.check.report import Report
from revet.core.model.mode import Mode

#: The forms for programs; that for people has a style and stands in text.py.
FORMATS: Final[dict[str, Callable[[Report, Mode], str]]] = {
    "json": render_json,
    "sarif": render_sarif,
    "junit": render_junit,
}
