"""The report as JUnit XML: a suite for each file, a case for each object.

A case has one failure at most, with all its findings in the text: many readers take the first only.
"""

from collections.abc import Iterable
from xml.etree import ElementTree as ET

from revet.cli.check.report import (
    Report,
    ReportedFinding,
    ReportedObject,
    count_noun,
    fails,
    write_place,
)
from revet.core.message import plain
from revet.core.model.mode import Mode


def render_junit(report: Report, fail_on: Mode) -> str:
    """Return the report as XML."""
    suites = ET.Element("testsuites", name="revet check")
    by_file: dict[str, ET.Element] = {}

    def case(file: str, name: str) -> ET.Element:
        # XML can't hold every character that a name may have.
        file = plain(file)
        if file not in by_file:
            by_file[file] = ET.SubElement(suites, "testsuite", name=file)
        return ET.SubElement(by_file[file], "testcase", classname=file, name=plain(name), file=file)

    for each in report.objects:
        _judge(case(each.file, each.title), each, fail_on)
    for problem in report.problems:
        where = f"line {problem.line}" if problem.line is not None else "input"
        element = ET.SubElement(case(problem.file, where), "error", type="bad-input")
        element.set("message", plain(problem.message))
    for number, left in enumerate(report.not_checked, start=1):
        # Unknown is no pass: a reader that counts only failures must see it.
        tag = "error" if left.undecided else "skipped"
        element = ET.SubElement(case(left.file, f"not checked {number}"), tag)
        element.set("message", plain(left.text))
    for gone in report.not_served:
        said = case(gone.file, f"{gone.title}, {gone.api_version}")
        ET.SubElement(said, "system-out").text = plain(f"line {gone.line}: {gone.message}")
    for suite in (*by_file.values(), suites):
        _count(suite)
    ET.indent(suites)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(suites, encoding="unicode")


def _judge(case: ET.Element, judged: ReportedObject, fail_on: Mode) -> None:
    failing = [each for each in judged.findings if fails(each, fail_on)]
    others = [each for each in judged.findings if not fails(each, fail_on)]
    if failing:
        controls = ", ".join(dict.fromkeys(each.control for each in failing))
        message = f"{count_noun(len(failing), 'finding')}: {controls}"
        failure = ET.SubElement(case, "failure", type=failing[0].control, message=message)
        failure.text = _lines(judged, failing)
    if others:
        ET.SubElement(case, "system-out").text = _lines(judged, others)


def _lines(judged: ReportedObject, findings: Iterable[ReportedFinding]) -> str:
    lines: list[str] = []
    for each in findings:
        word = "patched at admission" if each.patched else each.mode
        place = write_place(judged.file, each.line, each.column)
        lines.append(plain(f"{place}: {word}: {each.control}: {each.place}: {each.message}"))
        if each.fix and not each.patched:
            lines.append(plain(f"  fix: {each.fix}"))
    return "\n".join(lines)


def _count(suite: ET.Element) -> None:
    suite.set("tests", str(sum(1 for _ in suite.iter("testcase"))))
    for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(name, str(sum(1 for _ in suite.iter(tag))))
