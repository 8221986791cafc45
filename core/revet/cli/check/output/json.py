"""The report as JSON, for programs; docs/schemas/check.schema.json describes it.

Fields are added to this form, never removed or changed, while its `version` stays the same.
"""

import json
from collections.abc import Iterable
from typing import Any, Final

from revet.cli.check.report import (
    MODES,
    Count,
    Report,
    ReportedFinding,
    ReportedObject,
    summarize,
)
from revet.core.checks import BY_ID
from revet.core.model.mode import Mode

VERSION: Final = 1

Json = dict[str, Any]


def render_json(report: Report, fail_on: Mode) -> str:
    """Return the report as JSON."""
    findings = (_finding(each, found) for each in report.objects for found in each.findings)
    not_checked = (
        {"file": each.file, "reason": each.text, "undecided": each.undecided}
        for each in report.not_checked
    )
    errors = (
        {"file": each.file, "line": each.line, "message": each.message} for each in report.problems
    )
    summary = "\n".join(f"    {_line(pair)}" for pair in _summary(report, fail_on).items())
    return "\n".join(
        (
            "{",
            f'  "version": {VERSION},',
            f'  "objects": {len(report.objects)},',
            f'  "findings": {_list(findings)},',
            f'  "notChecked": {_list(not_checked)},',
            f'  "errors": {_list(errors)},',
            f'  "summary": {{\n{summary.rstrip(",")}\n  }}',
            "}",
        )
    )


def dump(document: Any) -> str:  # noqa: ANN401 -- any JSON
    """Write JSON that steers no terminal: everything but printable ASCII is escaped."""
    return json.dumps(document).replace("\x7f", "\\u007f")


def _list(items: Iterable[Json]) -> str:
    """Write an item a line: good to compare, and never all of them in memory as objects."""
    lines = ",\n".join(f"    {dump(item)}" for item in items)
    return f"[\n{lines}\n  ]" if lines else "[]"


def _line(pair: tuple[str, Any]) -> str:
    key, value = pair
    return f"{dump(key)}: {dump(value)},"


def _finding(owner: ReportedObject, finding: ReportedFinding) -> Json:
    return {
        "control": finding.control,
        "mode": finding.mode,
        "tier": finding.tier,
        "file": owner.file,
        "line": finding.line or None,
        "column": finding.column or None,
        "apiVersion": owner.api_version,
        "kind": owner.kind,
        "namespace": owner.namespace,
        "name": owner.name,
        "container": finding.container,
        "path": finding.pointer,
        "message": finding.message,
        "fix": finding.fix,
        "policy": finding.policy,
        "patched": finding.patched,
    }


def _summary(report: Report, fail_on: Mode) -> Json:
    summary = summarize(report, BY_ID)
    return {
        "exitCode": int(report.exit(fail_on)),
        "failOn": fail_on,
        "objectsWithFindings": summary.objects_with_findings,
        "findings": _count(summary.all),
        "byControl": [
            {"control": control, "tier": tier, **_count(count)}
            for (tier, control), count in summary.controls.items()
        ],
        "byTier": [{"tier": tier, **_count(count)} for tier, count in summary.tiers.items()],
        "policies": [
            {
                "name": each.name,
                "profile": each.profile,
                "enforcement": each.enforcement,
                "source": each.source,
            }
            for each in report.policies
        ],
        "unjudgedKinds": dict(sorted(report.unjudged_kinds.items())),
        "notServed": [
            {"file": each.file, "line": each.line, "object": each.title, "message": each.message}
            for each in report.not_served
        ],
        "notes": list(report.notes),
    }


def _count(count: Count) -> Json:
    return {**{mode.lower(): count.modes[mode] for mode in MODES}, "patched": count.patched}
