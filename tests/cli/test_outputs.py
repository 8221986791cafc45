"""The forms of a report: word for word, against their schemas, and harmless on a terminal."""

import json
import re
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree as ET

import pytest
from jsonschema import Draft4Validator, Draft202012Validator

from revet.cli.check.output import FORMATS
from revet.cli.check.output.sarif import SCHEMA
from revet.cli.check.output.text import Style, render_text
from revet.cli.check.report import Report
from revet.core.model.mode import Mode
from tests.cli.reports import BROKEN, EMPTY, HOSTILE, REPORT
from tests.support.goldens import assert_golden

ROOT: Final = Path(__file__).parent.parent.parent
REPORTS: Final = {"all": REPORT, "broken": BROKEN, "hostile": HOSTILE, "empty": EMPTY}
each_report = pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)


def _schema(path: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((ROOT / path).read_text(encoding="utf-8"))
    return schema


def _render(form: str, report: Report, fail_on: Mode = Mode.ENFORCE) -> str:
    if form == "text":
        return render_text(report, fail_on, Style())
    return FORMATS[form](report, fail_on)


@pytest.mark.parametrize(("form", "suffix"), [("text", "txt"), ("json", "json"), ("junit", "xml")])
@pytest.mark.parametrize("name", ["all", "broken"])
def test_the_form_is_word_for_word(form: str, suffix: str, name: str) -> None:
    assert_golden(f"check/{name}.{suffix}", _render(form, REPORTS[name]) + "\n")


@each_report
@pytest.mark.parametrize("fail_on", [Mode.AUDIT, Mode.ENFORCE])
def test_json_fits_its_schema(report: Report, fail_on: Mode) -> None:
    schema = _schema("docs/schemas/check.schema.json")
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(json.loads(_render("json", report, fail_on)))


def test_the_schema_refuses_what_it_does_not_know() -> None:
    document = json.loads(_render("json", REPORT))
    document["findings"][0]["severity"] = "high"
    validator = Draft202012Validator(_schema("docs/schemas/check.schema.json"))
    assert [error.validator for error in validator.iter_errors(document)] == [
        "additionalProperties"
    ]


@each_report
def test_sarif_fits_the_standards_schema(report: Report) -> None:
    schema = _schema("tests/data/schemas/sarif-2.1.0.schema.json")
    document = json.loads(_render("sarif", report))
    Draft4Validator(schema).validate(document)
    assert document["$schema"] == SCHEMA == schema["id"]


def test_sarif_places_findings_and_leaves_out_what_is_patched() -> None:
    run = json.loads(_render("sarif", BROKEN))["runs"][0]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert rules == ["privileged-containers", "sysctls"]
    assert [(each["ruleId"], each["level"]) for each in run["results"]] == [
        ("privileged-containers", "error"),
        ("privileged-containers", "error"),
        ("privileged-containers", "note"),
        ("sysctls", "warning"),
    ]
    assert all(rules[each["ruleIndex"]] == each["ruleId"] for each in run["results"])
    first, second = (each["locations"][0]["physicalLocation"] for each in run["results"][:2])
    assert first == {
        "artifactLocation": {"uri": "shop/web.yaml"},
        "region": {"startLine": 10, "startColumn": 19},
    }
    # Its lines are those of the rendered text.
    assert second == {"artifactLocation": {"uri": "chart/templates/api.yaml"}}


def test_sarif_tells_of_bad_input() -> None:
    run = json.loads(_render("sarif", BROKEN))["runs"][0]
    invocation = run["invocations"][0]
    assert (invocation["executionSuccessful"], invocation["exitCode"]) == (False, 2)
    said = [
        each["message"]["text"]
        for each in invocation["toolExecutionNotifications"]
        if each["level"] == "error"
    ]
    assert said == ["is no YAML", "no such file"]


def test_a_finding_keeps_its_fingerprint_when_lines_move() -> None:
    def fingerprints(text: str) -> list[str]:
        results = json.loads(text)["runs"][0]["results"]
        return [each["partialFingerprints"]["revet/v1"] for each in results]

    moved = _render("sarif", REPORT).replace('"startLine": 10', '"startLine": 11')
    found = fingerprints(_render("sarif", REPORT))
    assert fingerprints(moved) == found
    assert len(set(found)) == len(found)


def test_absolute_and_odd_paths_are_uris() -> None:
    uris = re.findall(r'"uri": "([^"]+)"', _render("sarif", HOSTILE))
    assert uris
    assert all(re.fullmatch(r"[\w%./~-]+", uri) for uri in uris)


@each_report
@pytest.mark.parametrize("form", ["text", *FORMATS])
def test_nothing_in_a_manifest_steers_the_terminal(form: str, report: Report) -> None:
    text = _render(form, report)
    assert [char for char in text if not char.isprintable() and char != "\n"] == []


@pytest.mark.parametrize("report", [REPORT, BROKEN, HOSTILE], ids=["all", "broken", "hostile"])
def test_junit_counts_what_it_holds(report: Report) -> None:
    suites = ET.fromstring(_render("junit", report))  # noqa: S314 -- our own
    for element in (suites, *suites.iter("testsuite")):
        found = [
            len(list(element.iter(tag))) for tag in ("testcase", "failure", "error", "skipped")
        ]
        names = ("tests", "failures", "errors", "skipped")
        assert [int(element.attrib[name]) for name in names] == found
    cases = list(suites.iter("testcase"))
    assert all(len(case.findall("failure")) <= 1 for case in cases)
    assert len(cases) >= len(report.objects) > 0


@pytest.mark.parametrize(
    ("fail_on", "failing"), [(Mode.ENFORCE, ["web", "api"]), (Mode.AUDIT, ["web", "api"])]
)
def test_junit_fails_what_fails_the_command(fail_on: Mode, failing: list[str]) -> None:
    suites = ET.fromstring(_render("junit", REPORT, fail_on))  # noqa: S314 -- our own
    found = [
        case.attrib["name"].rpartition("/")[2]
        for case in suites.iter("testcase")
        if case.find("failure") is not None
    ]
    assert found == failing


def test_colours_and_links_come_only_where_they_are_wanted() -> None:
    styled = render_text(REPORT, Mode.ENFORCE, Style(on=True))
    plain = _render("text", REPORT)
    assert "\x1b[31mEnforce\x1b[0m" in styled
    page = "https://kubernetes.io/docs/concepts/security/pod-security-standards/#baseline"
    assert f"\x1b]8;;{page}\x1b\\privileged-containers\x1b]8;;\x1b\\" in styled
    # What is left without them is the plain text, to the letter: columns stay in line.
    assert re.sub(r"\x1b\[[0-9;]*m|\x1b\]8;;[^\x1b]*\x1b\\", "", styled) == plain
