"""The report for people: by object, with file:line:column, and a summary.

Whatever comes from a manifest passes `plain`: it must not steer the terminal.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from revet.cli.check.output.links import find_page
from revet.cli.check.report import (
    MODES,
    Count,
    NotChecked,
    Report,
    ReportedFinding,
    ReportedObject,
    Summary,
    count_noun,
    fails,
    list_kinds,
    summarize,
    write_place,
)
from revet.core.checks import BY_ID
from revet.core.message import plain
from revet.core.model.mode import Mode

_BOLD: Final = "1"
_DIM: Final = "2"
_COLOURS: Final = {Mode.ENFORCE: "31", Mode.WARN: "33", Mode.AUDIT: "36"}
_RED: Final = "31"
_GREEN: Final = "32"
_PATCHED: Final = "patched"
#: As wide as the widest of the modes and `patched`.
_WORD: Final = 7
#: How many of the files that share a reason are named.
_MOST_FILES: Final = 3


@dataclass(frozen=True, slots=True)
class Style:
    """What a terminal can do; a file or a pipe gets plain text."""

    on: bool = False

    def paint(self, text: str, code: str) -> str:
        """Return the text in a colour or weight, by its SGR code."""
        return f"\x1b[{code}m{text}\x1b[0m" if self.on else text

    def link(self, text: str, url: str | None) -> str:
        """Return the text as a hyperlink (OSC 8)."""
        return f"\x1b]8;;{url}\x1b\\{text}\x1b]8;;\x1b\\" if self.on and url else text


def render_text(report: Report, fail_on: Mode, style: Style) -> str:
    """Return the report as text."""
    summary = summarize(report, BY_ID)
    sections = [
        *(_object(each, style) for each in _fold(report.objects)),
        _section("Not checked", _not_checked(report), style),
        _section("Not served", _not_served(report), style),
        _section("Bad input", list_problems(report), style),
        _table(summary, style),
        "\n".join(_closing(report, summary, fail_on, style)),
    ]
    return "\n\n".join(section for section in sections if section)


def render_verdict(report: Report, fail_on: Mode, style: Style) -> str:
    """Return the one line that says how it went."""
    summary = summarize(report, BY_ID)
    parts = [f"{count_noun(len(report.objects), 'object')} judged"]
    found = summary.all.modes.total()
    if found:
        modes = ", ".join(
            f"{mode} {summary.all.modes[mode]}" for mode in MODES if summary.all.modes[mode]
        )
        where = count_noun(summary.objects_with_findings, "object")
        parts[0] += f": {count_noun(found, 'finding')} in {where} ({modes})"
    else:
        parts[0] += ": no findings"
    if summary.all.patched:
        parts.append(f"{summary.all.patched} patched at admission")
    left = sum(each.objects or 1 for each in report.not_checked)
    if left:
        parts.append(f"{left} not checked")
    if report.problems:
        parts.append(count_noun(len(report.problems), "error"))
    clean = report.exit(fail_on) == 0
    return style.paint("; ".join(parts), f"{_BOLD};{_GREEN if clean else _RED}")


def _fold(objects: Iterable[ReportedObject]) -> Iterator[list[ReportedObject]]:
    """Put pods of one controller together where they have the same findings."""
    found: dict[tuple[object, ...], list[ReportedObject]] = {}
    for number, each in enumerate(objects):
        if each.findings:
            key = (each.namespace, each.owner, each.findings) if each.owner else (number,)
            found.setdefault(key, []).append(each)
    yield from found.values()


def _title(alike: list[ReportedObject]) -> str:
    first = alike[0]
    more = f" and {len(alike) - 1} more" if len(alike) > 1 else ""
    return first.title + more + (f" of {first.owner}" if first.owner else "")


def _object(alike: list[ReportedObject], style: Style) -> str:
    judged = alike[0]
    rendered = f" (rendered from {plain(judged.file)})" if judged.rendered else ""
    lines = [style.paint(plain(_title(alike)), _BOLD) + rendered]

    def key(finding: ReportedFinding) -> tuple[str, str, str, bool]:
        return finding.control, finding.pointer, finding.message, finding.patched

    # Several policies may find the same: it is one thing to mend.
    merged: dict[tuple[str, str, str, bool], list[ReportedFinding]] = {}
    for finding in judged.findings:
        merged.setdefault(key(finding), []).append(finding)
    names = {finding.policy for finding in judged.findings}
    ordered = sorted(merged.values(), key=lambda same: same[0].patched)
    for same in ordered:
        lines += _finding(judged.file, same, style, name_policies=len(names) > 1)
    return "\n".join(lines)


def _finding(
    file: str, same: list[ReportedFinding], style: Style, *, name_policies: bool
) -> Iterator[str]:
    first = same[0]
    mode = max(each.mode for each in same)
    word, colour = (_PATCHED, _DIM) if first.patched else (str(mode), _COLOURS[mode])
    # Of what stands in no text its title says where it is.
    where = f"{plain(write_place(file, first.line, first.column))}  " if first.line else ""
    control = style.link(first.control, find_page(first.control))
    policies = f" ({', '.join(plain(each.policy) for each in same)})" if name_policies else ""
    yield f"  {where}{style.paint(f'{word:<{_WORD}}', colour)}  {control}{policies}"
    yield f"    {plain(f'{first.place}: {first.message}')}"
    if first.fix and not first.patched:
        yield f"    fix: {plain(first.fix)}"


def _section(title: str, lines: Iterable[str], style: Style) -> str:
    text = "\n".join(f"  {line}" for line in lines)
    return f"{style.paint(title, _BOLD)}\n{text}" if text else ""


def _not_checked(report: Report) -> Iterator[str]:
    kinds = report.unjudged_kinds
    if kinds:
        yield plain(f"{count_noun(kinds.total(), 'object')} {list_kinds(kinds)}")
    for reason, same in groupby(sorted(report.left_out, key=_reason), _reason):
        yield plain(f"{_where(list(same))} {reason}")


def _reason(left: NotChecked) -> str:
    return left.reason


def _where(same: list[NotChecked]) -> str:
    """Name the first files that share a reason, and count their objects."""
    names = ", ".join(each.file for each in same[:_MOST_FILES])
    further = len(same) - _MOST_FILES
    more = f" and {count_noun(further, 'further file')}" if further > 0 else ""
    number = sum(each.objects for each in same)
    return f"{names}{more}:" + (f" {count_noun(number, 'object')}" if number else "")


def _not_served(report: Report) -> Iterator[str]:
    for each in report.not_served:
        yield plain(f"{each.file}:{each.line}: {each.title}: {each.message}")


def list_problems(report: Report) -> Iterator[str]:
    """Return a line for each thing that could not be read."""
    for each in report.problems:
        line = f":{each.line}" if each.line is not None else ""
        yield plain(f"{each.file}{line}: {each.message}")


def list_failures(report: Report) -> Iterator[str]:
    """Return a line for each thing that makes the command end with 2."""
    yield from list_problems(report)
    for left in report.left_out:
        if left.undecided:
            yield plain(f"{left.file}: not checked: {left.text}")


def _table(summary: Summary, style: Style) -> str:
    if not summary.controls:
        return ""
    heads = [*MODES, _PATCHED]
    width = max(len(control) for _, control in summary.controls)
    head = f"{'control':<{width}}  tier  {'  '.join(f'{each:>{_WORD}}' for each in heads)}"
    lines = [style.paint(head, _BOLD)]
    for (tier, control), count in summary.controls.items():
        name = style.link(control, find_page(control)) + " " * (width - len(control))
        lines.append(f"{name}  {tier:>4}  {_numbers(count)}")
    for tier, count in summary.tiers.items():
        lines.append(f"{'all together':<{width}}  {tier:>4}  {_numbers(count)}")
    return "\n".join(lines)


def _numbers(count: Count) -> str:
    numbers = [*(count.modes[mode] for mode in MODES), count.patched]
    return "  ".join(f"{number or '-':>{_WORD}}" for number in numbers)


def _closing(report: Report, summary: Summary, fail_on: Mode, style: Style) -> Iterator[str]:
    for policy in report.policies:
        yield plain(f"Policy {policy.name} (profile {policy.profile}, {policy.source})")
    yield from (plain(note) for note in report.notes)
    failing = {each.control for each in report.findings if fails(each, fail_on)}
    asked = [control for _, control in summary.controls if control in failing]
    if asked:
        yield f"Why, and how to fix it: revet explain {' '.join(asked)}"
    yield render_verdict(report, fail_on, style)
