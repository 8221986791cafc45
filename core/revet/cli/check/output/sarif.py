"""The report as SARIF 2.1.0, which code hosts show beside the changed lines.

What a policy would patch at admission is no result: nobody has to act on it.
"""

from collections.abc import Iterable
from hashlib import sha256
from importlib.metadata import version
from pathlib import PurePath
from typing import Any, Final
from urllib.parse import quote

from revet.cli.check.output.json import dump
from revet.cli.check.output.links import find_page
from revet.cli.check.report import Exit, Report, ReportedFinding, ReportedObject
from revet.core.checks import BY_ID
from revet.core.explain import explain
from revet.core.model.mode import Mode

SCHEMA: Final = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_LEVELS: Final = {Mode.ENFORCE: "error", Mode.WARN: "warning", Mode.AUDIT: "note"}

Json = dict[str, Any]


def render_sarif(report: Report, fail_on: Mode) -> str:
    """Return the report as a SARIF log of one run."""
    found = {finding.control for finding in report.findings if not finding.patched}
    controls = [control for control in BY_ID if control in found]
    places = {control: place for place, control in enumerate(controls)}
    driver = {
        "name": "revet",
        "semanticVersion": version("revet"),
        "rules": [_rule(control) for control in controls],
    }
    results = [
        _result(each, finding, places[finding.control])
        for each in report.objects
        for finding in each.findings
        if not finding.patched
    ]
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "invocations": [_invocation(report, report.exit(fail_on))],
        "results": results,
    }
    return dump({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]})


def _rule(control: str) -> Json:
    check = BY_ID[control]
    text = check.explanation
    page = find_page(control)
    return {
        "id": control,
        "shortDescription": {"text": check.title},
        "fullDescription": {"text": text.what},
        "help": {"text": explain(check)},
        "properties": {"tags": ["security", "kubernetes", f"tier-{check.tier}"]},
        **({"helpUri": page} if page else {}),
    }


def _result(owner: ReportedObject, finding: ReportedFinding, rule: int) -> Json:
    text = f"{owner.title}: {finding.place}: {finding.message}"
    if finding.fix:
        text += f"\nfix: {finding.fix}"
    physical: Json = {"artifactLocation": {"uri": _uri(owner.file)}}
    # The lines of what was rendered are not those of any file.
    if finding.line and not owner.rendered:
        physical["region"] = {"startLine": finding.line, "startColumn": finding.column}
    logical = {"fullyQualifiedName": f"{owner.title}{finding.pointer}", "kind": "object"}
    return {
        "ruleId": finding.control,
        "ruleIndex": rule,
        "level": _LEVELS[finding.mode],
        "message": {"text": text},
        "locations": [{"physicalLocation": physical, "logicalLocations": [logical]}],
        # Without the line: a finding stays the same one when lines above it change.
        "partialFingerprints": {"revet/v1": _fingerprint(owner, finding)},
        "properties": {"policy": finding.policy, "mode": finding.mode, "tier": finding.tier},
    }


def _fingerprint(owner: ReportedObject, finding: ReportedFinding) -> str:
    parts = (owner.file, owner.title, finding.control, finding.pointer, finding.policy)
    return sha256("\0".join(parts).encode(errors="surrogatepass")).hexdigest()


def _invocation(report: Report, code: Exit) -> Json:
    return {
        "executionSuccessful": code is not Exit.BAD_INPUT,
        "exitCode": int(code),
        "toolExecutionNotifications": list(_notifications(report)),
    }


def _notifications(report: Report) -> Iterable[Json]:
    for problem in report.problems:
        yield _notification("error", problem.message, problem.file, problem.line)
    for each in report.not_served:
        yield _notification("warning", f"{each.title}: {each.message}", each.file, each.line)
    for left in report.not_checked:
        level = "error" if left.undecided else "note"
        yield _notification(level, f"not checked: {left.text}", left.file, None)


def _notification(level: str, text: str, file: str, line: int | None) -> Json:
    physical: Json = {"artifactLocation": {"uri": _uri(file)}}
    if line is not None:
        physical["region"] = {"startLine": line}
    return {
        "level": level,
        "message": {"text": text},
        "locations": [{"physicalLocation": physical}],
    }


def _uri(file: str) -> str:
    """Return a path as a URI, relative to where the command ran if it is so."""
    path = PurePath(file)
    if path.is_absolute():
        return f"file://{quote(path.as_posix(), errors='surrogateescape')}"
    return quote(path.as_posix(), errors="surrogateescape")
