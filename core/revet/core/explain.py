"""What `revet explain` tells of a control: what it asks, why, how to fix it, what may break."""

from collections.abc import Iterator
from textwrap import fill, indent, wrap
from typing import Final

from revet.core.check import Check, Default, Parameter
from revet.core.kinds import KINDS, PODS

_WIDTH: Final = 96
#: What a profile does with a control, as people read it.
WORDS: Final = {
    Default.DISABLED: "Disabled",
    Default.AUDIT: "Audit",
    Default.WARN: "Warn",
    Default.WARN_PATCH: "Warn + patch",
    Default.ENFORCE: "Enforce",
    Default.ENFORCE_PATCH: "Enforce + patch",
}


def explain(check: Check) -> str:
    """Return all there is to say of a control, as text for a terminal of 96 columns."""
    text = check.explanation
    parts = [
        f"{check.id}: {check.title} (tier {check.tier})",
        _paragraph("What", text.what),
        _paragraph("Why", text.why),
        f"How to fix\n{indent(text.fix, '    ')}",
        _paragraph("What may break", text.breaks),
        _paragraph("Judges", ", ".join(judged_kinds(check))),
        "Profiles\n" + "\n".join(_profiles(check)),
        _paragraph("Standard", standard(check)) if check.level is not None else "",
        f"Supports\n{_supports(check)}" if check.supports else "",
        f"In a policy (its enforcement is the ceiling)\n{indent(_in_policy(check), '    ')}",
        _paragraph("Exceptions", _exceptions(check)),
    ]
    return "\n\n".join(part for part in parts if part)


def judged_kinds(check: Check) -> list[str]:
    """Return the kinds that a control judges: Pods and the templates of them, or others."""
    judged = {kind for rule in check.items for kind in rule.kinds}
    if check.revisions:
        judged |= PODS
    return [kind.name for kind in KINDS if kind.name in judged]


def standard(check: Check) -> str:
    """Say which check of the Pod Security Standards a control is; empty for one of none."""
    if check.level is None:
        return ""
    since = ", ".join(str(revision.since) for revision in check.revisions)
    return (
        f"Pod Security Standards, {check.level.value}: {check.upstream} (rules of {since}; the "
        "newest one not above the policy's standardVersion holds)."
    )


def _supports(check: Check) -> str:
    return "\n".join(f"    {name:<24}{ids}" for name, ids in check.supports)


def _paragraph(title: str, text: str) -> str:
    lines = fill(text, _WIDTH, initial_indent="    ", subsequent_indent="    ")
    return f"{title}\n{lines}"


def _profiles(check: Check) -> list[str]:
    profiles = check.profiles._asdict()
    return [f"    {name:<12}{WORDS[default]}" for name, default in profiles.items()]


def _in_policy(check: Check) -> str:
    lines = [
        "controls:",
        f"- id: {check.id}",
        "  mode: Enforce         # Disabled, Audit, Warn or Enforce; absent: the profile's",
    ]
    if check.patchable:
        lines.append("  patch: true           # or false; absent: the profile's")
    for each in check.parameters:
        lines += _parameter(each)
    return "\n".join(lines)


def _parameter(parameter: Parameter) -> Iterator[str]:
    yield f"  {parameter.field}: ..."
    yield from (f"    # {line}" for line in wrap(parameter.meaning, _WIDTH - 6))


def _exceptions(check: Check) -> str:
    settings = "its settings, " if check.parameters else ""
    return (
        "This version has none for single workloads. Ask whoever owns the policy that the denial "
        "names (kubectl get hardeningpolicies lists them all): it can change the control's mode, "
        f"{settings}or what it selects."
    )
