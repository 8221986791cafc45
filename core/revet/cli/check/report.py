"""What `revet check` found, as plain values: every output prints these and judges nothing."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from revet.core.model.mode import Mode

#: The modes that a finding can have, strictest first: the order of every table.
MODES: Final = (Mode.ENFORCE, Mode.WARN, Mode.AUDIT)


class Exit(IntEnum):
    """What the command ends with."""

    CLEAN = 0
    FINDINGS = 1
    BAD_INPUT = 2


@dataclass(frozen=True, slots=True)
class ReportedFinding:
    """A finding with its place in the file.

    Attributes:
        control: the control's id.
        mode: the control's own in the policy, before the policy's ceiling.
        tier: the control's, 1 to 3.
        line: of the offending field, or of the nearest parent that is there; 0 where it stands in
            no text.
        column: likewise.
        container: the container's name, if it is about one.
        pointer: JSON pointer from the object to the field.
        place: where it stands, as far as the message does not say so.
        message: the value, and what is allowed.
        fix: how to mend it; empty where there is no short word for it.
        policy: who asks for it.
        patched: a Pod would be patched at admission, so nothing would be refused for it.

    """

    control: str
    mode: Mode
    tier: int
    line: int
    column: int
    container: str | None
    pointer: str
    place: str
    message: str
    fix: str
    policy: str
    patched: bool


@dataclass(frozen=True, slots=True)
class ReportedObject:
    """An object that was judged.

    `rendered` says that its lines are not those of a file; `owner` is the controller of a Pod that
    runs, as `ReplicaSet web-7c9f`.
    """

    file: str
    rendered: bool
    api_version: str
    kind: str
    namespace: str
    name: str
    findings: tuple[ReportedFinding, ...]
    owner: str = ""

    @property
    def title(self) -> str:
        """Kind, namespace and name, as kubectl's users know them."""
        return title(self.kind, self.namespace, self.name)


@dataclass(frozen=True, slots=True)
class NotChecked:
    """What was not judged: a file, or objects in one; for those the reason goes on after the count.

    `undecided`: the answer may be anything. It is no pass, so the command does not end well.
    """

    file: str
    reason: str
    objects: int = 0
    undecided: bool = False

    @property
    def text(self) -> str:
        """The reason, after the number of objects where there is one."""
        return (
            f"{count_noun(self.objects, 'object')} {self.reason}" if self.objects else self.reason
        )


@dataclass(frozen=True, slots=True)
class Problem:
    """Bad input, where it stands."""

    file: str
    line: int | None
    message: str


@dataclass(frozen=True, slots=True)
class NotServed:
    """An object in a version that the API server does not serve; it was judged all the same."""

    file: str
    line: int
    title: str
    api_version: str
    message: str


@dataclass(frozen=True, slots=True)
class UsedPolicy:
    """A policy that judged; `source` is its file and line, or `built in`."""

    name: str
    profile: str
    enforcement: Mode
    source: str


@dataclass(frozen=True, slots=True)
class Report:
    """All that is to be told.

    Attributes:
        objects: what was judged, in the order of the input.
        policies: who judged.
        left_out: what was not.
        unjudged: objects of kinds that no control judges: by file, how many of each kind.
        problems: bad input.
        not_served: objects in versions that are gone.
        notes: what else people should know.

    """

    objects: tuple[ReportedObject, ...] = ()
    policies: tuple[UsedPolicy, ...] = ()
    left_out: tuple[NotChecked, ...] = ()
    unjudged: Mapping[str, Counter[str]] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    not_served: tuple[NotServed, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def findings(self) -> Iterator[ReportedFinding]:
        """All findings, in the order of the input."""
        return (finding for each in self.objects for finding in each.findings)

    @property
    def unjudged_kinds(self) -> Counter[str]:
        """How many objects there are of each kind that no control judges."""
        return sum(self.unjudged.values(), Counter())

    @property
    def not_checked(self) -> Iterator[NotChecked]:
        """All that was not judged, file by file."""
        yield from self.left_out
        for file, kinds in self.unjudged.items():
            yield NotChecked(file, list_kinds(kinds), kinds.total())

    def exit(self, fail_on: Mode) -> Exit:
        """Return what the command ends with; bad input outweighs findings."""
        if self.problems or any(each.undecided for each in self.left_out):
            return Exit.BAD_INPUT
        return Exit.FINDINGS if any(fails(each, fail_on) for each in self.findings) else Exit.CLEAN


@dataclass(slots=True)
class Count:
    """How many findings there are: by mode, and what would be patched."""

    modes: Counter[Mode] = field(default_factory=Counter)
    patched: int = 0


@dataclass(slots=True)
class Summary:
    """The numbers below a report; tiers rise, controls stand in the catalog's order."""

    all: Count = field(default_factory=Count)
    controls: dict[tuple[int, str], Count] = field(default_factory=dict)
    tiers: dict[int, Count] = field(default_factory=dict)
    objects_with_findings: int = 0


def title(kind: str, namespace: str, name: str) -> str:
    """Write `Deployment shop/web`, or `ClusterRole reader` where there is no namespace."""
    return f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}"


def write_place(file: str, line: int, column: int) -> str:
    """Write `file:line:column`, or the file alone where it has no lines."""
    return f"{file}:{line}:{column}" if line else file


def fails(finding: ReportedFinding, fail_on: Mode) -> bool:
    """Return whether a finding makes the command fail."""
    return not finding.patched and finding.mode >= fail_on


def summarize(report: Report, catalog: Iterable[str]) -> Summary:
    """Count the findings; `catalog` gives the order of controls."""
    order = {control: place for place, control in enumerate(catalog)}
    summary = Summary()
    for finding in report.findings:
        counts = (
            summary.all,
            summary.controls.setdefault((finding.tier, finding.control), Count()),
            summary.tiers.setdefault(finding.tier, Count()),
        )
        for count in counts:
            if finding.patched:
                count.patched += 1
            else:
                count.modes[finding.mode] += 1
    summary.objects_with_findings = sum(
        any(not finding.patched for finding in each.findings) for each in report.objects
    )
    summary.controls = dict(sorted(summary.controls.items(), key=lambda each: order[each[0][1]]))
    summary.tiers = dict(sorted(summary.tiers.items()))
    return summary


def list_kinds(kinds: Mapping[str, int]) -> str:
    """Say of what kinds the objects are that no control judges."""
    listed = ", ".join(f"{kind} {count}" for kind, count in sorted(kinds.items()))
    return f"of kinds that no control judges: {listed}"


def count_noun(number: int, noun: str) -> str:
    """Write a number with its noun: `1 object`, `2 objects`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
