"""What is found in one object: which findings stand, in which mode, and where in its text.

What the policies' patches would mend of a Pod is told apart: the cluster would not refuse it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from sys import intern
from typing import Any, Final

from revet.cli.check.report import ReportedFinding
from revet.cli.load import Document, Place
from revet.cli.load.places import Locator
from revet.core.audit import inspect, is_mirror
from revet.core.checks import BY_ID
from revet.core.compiled_policy import Applied
from revet.core.decide import Verdict
from revet.core.item import Item
from revet.core.message import place
from revet.core.model.mode import Mode
from revet.core.pointer import absolute
from revet.core.surroundings import Surroundings
from revet.core.workload import Subject

_place: Final = lru_cache(maxsize=4096)(place)


def weigh(
    subject: Subject | Item[Any],
    data: bytes,
    applied: Sequence[Applied],
    around: Surroundings,
    *,
    is_live: bool,
) -> Iterator[tuple[Verdict, bool]]:
    """Judge an object as it is, and tell apart what admission would patch."""
    for verdict in inspect(subject, data, applied, around, is_live=is_live).verdicts:
        # What is spared of other objects is so because no request is judged by it.
        yield verdict, verdict.spared and isinstance(subject, Subject)


def find(
    document: Document, subject: Subject | Item[Any], weighed: Iterable[tuple[Verdict, bool]]
) -> Iterator[ReportedFinding]:
    """Give each finding its mode and its place."""
    locator = Locator(document.own)
    # As admission has it, where a node is known by its certificate: refusing would change nothing.
    is_mirrored = document.is_live and isinstance(subject, Subject) and is_mirror(subject)
    for verdict, patched in weighed:
        pointer = absolute(subject.prefix, verdict.finding.pointer)
        where = locator.locate(pointer)
        finding = _word(subject, verdict, pointer, where, patched=patched)
        if not is_mirrored:
            yield finding
        else:
            yield replace(finding, mode=min(finding.mode, Mode.AUDIT), patched=False)


def _word(
    subject: Subject | Item[Any], verdict: Verdict, pointer: str, where: Place, *, patched: bool
) -> ReportedFinding:
    finding, policy = verdict.finding, verdict.applied.policy
    return ReportedFinding(
        control=finding.control,
        mode=_mode(subject, verdict),
        tier=BY_ID[finding.control].tier,
        line=where.line,
        column=where.column,
        container=finding.container,
        # Of ten thousand objects most say the same: one text for all of them.
        pointer=intern(pointer),
        place=_place(subject.prefix, finding.pointer, finding.container),
        message=intern(finding.message),
        fix=finding.fix.hint if finding.fix is not None else "",
        policy=policy.name,
        patched=patched,
    )


def _mode(subject: Subject | Item[Any], verdict: Verdict) -> Mode:
    """Return the control's own mode: `verdict.mode` lies below the ceiling for templates."""
    control = verdict.finding.control
    mode = verdict.applied.policy.modes[control]
    # What the API server may still fill in on the Pod is refused of no template.
    is_template = isinstance(subject, Subject) and not subject.is_pod
    return min(mode, Mode.WARN) if is_template and BY_ID[control].defaulted else mode
