"""What `revet status` prints."""

from collections import Counter
from collections.abc import Iterator
from textwrap import fill
from typing import Final

from revet.cli.check.report import MODES, count_noun
from revet.cli.status import ObjectHere, Status
from revet.core.decide import Verdict
from revet.core.message import place, plain

_WIDTH: Final = 100
_WORD: Final = 7


def render_status(status: Status) -> str:
    """Return the answer as text for a terminal of 100 columns."""
    sections = [
        "\n".join(_policies(status)),
        "\n".join(_modes(status)),
        *("\n".join(_object(each)) for each in status.objects if _known(each)),
        "\n".join(_unknown(status)),
        "\n".join(_closing(status)),
    ]
    return "\n\n".join(section for section in sections if section)


def _policies(status: Status) -> Iterator[str]:
    if not status.policies:
        yield f"Namespace {status.namespace}: no policy applies, nothing is judged or refused."
        return
    yield f"Namespace {status.namespace}"
    for each in status.policies:
        yield plain(
            f"  policy {each.name}: profile {each.profile}, {each.ceiling} here; {each.state}"
        )
        for held in each.held:
            yield plain(
                f"    holds image {held.image}@{held.digest} since {held.since:%Y-%m-%dT%H:%MZ}"
                f" for {held.because}; to let it go: revet release {held.digest}"
            )


def _modes(status: Status) -> Iterator[str]:
    if not status.modes:
        return
    yield "Controls on Pods here (of several policies the strictest counts)"
    for mode in MODES:
        if mode in status.modes:
            head = f"  {mode:<{_WORD}}  "
            text = ", ".join(status.modes[mode])
            yield fill(
                text,
                _WIDTH,
                initial_indent=head,
                subsequent_indent=" " * len(head),
                break_on_hyphens=False,
            )


def _known(judged: ObjectHere) -> list[Verdict]:
    return [each for each in judged.verdicts if not each.is_unknown]


def _object(judged: ObjectHere) -> Iterator[str]:
    yield plain(judged.title)
    told: set[tuple[str, str, str]] = set()
    for verdict in sorted(_known(judged), key=lambda each: MODES.index(each.mode)):
        finding = verdict.finding
        where = place(judged.subject.prefix, finding.pointer, finding.container)
        key = (finding.control, where, finding.message)
        if key in told:
            continue
        told.add(key)
        policy = verdict.applied.policy.name
        yield plain(f"  {verdict.mode:<{_WORD}}  {finding.control} ({policy})")
        yield plain(f"    {where}: {finding.message}")
        if finding.fix is not None and finding.fix.hint:
            yield plain(f"    fix: {finding.fix.hint}")


def _unknown(status: Status) -> Iterator[str]:
    controls = sorted(
        {
            verdict.finding.control
            for each in status.objects
            for verdict in each.verdicts
            if verdict.is_unknown
        }
    )
    lines = list(
        map(plain, (*status.undecided, *(f"may not read: {each}" for each in status.unreadable)))
    )
    if status.policies:
        lines.append("Secrets are not read here: sa-long-lived-token is not judged")
    if controls:
        lines.append(f"needs other objects, which are not read here: {', '.join(controls)}")
    if lines:
        yield "Not known"
        yield from (f"  {line}" for line in lines)


def _closing(status: Status) -> Iterator[str]:
    if not status.policies:
        return
    modes = Counter(verdict.mode for each in status.objects for verdict in _known(each))
    said = f"{count_noun(status.judged, 'object')} judged: "
    if modes:
        counts = ", ".join(f"{mode} {modes[mode]}" for mode in MODES if modes[mode])
        said += f"{count_noun(modes.total(), 'finding')} ({counts})"
    else:
        said += "no findings"
    yield said
    controls = dict.fromkeys(
        verdict.finding.control for each in status.objects for verdict in _known(each)
    )
    if controls:
        yield f"Why, and how to fix it: revet explain {' '.join(controls)}"
