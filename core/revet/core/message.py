"""What people read: the denial, the warnings, and the audit annotation of a decision."""

from collections.abc import Iterable
from typing import Any

import msgspec

from revet.core.decide import Decision, Verdict
from revet.core.item import Item
from revet.core.model.mode import Mode
from revet.core.pointer import NAMESPACE, absolute, field_path, join, split
from revet.core.workload import Subject

#: The API server cuts each warning to this and all of them to 4,096 (KEP-1693).
_WARNING_LENGTH = 256
_MOST_WARNINGS = 16
_MOST_FINDINGS = 50
_TEXT_LENGTH = 1024


def denial(subject: Subject | Item[Any], namespace: str, decision: Decision) -> str:
    """Return the text of a refusal: every finding that refuses, where it stands, how to mend it."""
    groups = _group(decision.in_mode(Mode.ENFORCE))
    policies = _policies(groups)
    lines = [f"{title(subject, namespace)}: {_count(len(groups))}, {_join(policies)}"]
    ids = list(dict.fromkeys(group[0].finding.control for group in groups))
    width = max(len(control) for control in ids)
    for group in groups[:_MOST_FINDINGS]:
        finding = group[0].finding
        suffix = f" ({', '.join(_names(group))})" if len(policies) > 1 else ""
        where = place(subject.prefix, finding.pointer, finding.container)
        text = plain(f"{where}: {finding.message}")
        lines.append(f"  {finding.control:<{width}}  {text}{suffix}")
        if finding.fix is not None:
            lines.append(f"  {'':<{width}}  fix: {plain(finding.fix.hint)}")
    if len(groups) > _MOST_FINDINGS:
        lines.append(f"  and {len(groups) - _MOST_FINDINGS} more")
    lines.append(f"Why, and how to fix it: revet explain {' '.join(ids)}")
    return "\n".join(lines)


def warnings(subject: Subject | Item[Any], decision: Decision) -> list[str]:
    """Return one warning for each finding that warns, each of at most 256 characters."""
    groups = _group(decision.in_mode(Mode.WARN))
    texts = [_warning(subject, group) for group in groups[:_MOST_WARNINGS]]
    if len(groups) > _MOST_WARNINGS:
        texts.append(f"{len(groups) - _MOST_WARNINGS} more findings are in the audit annotation")
    return texts


def audit(subject: Subject | Item[Any], decision: Decision) -> str:
    """Return all verdicts as compact JSON, for the annotation `findings` of the audit log."""
    shown = [
        {
            "policy": verdict.applied.policy.name,
            "control": verdict.finding.control,
            "mode": verdict.mode.value,
            "path": _cut(absolute(subject.prefix, verdict.finding.pointer), _TEXT_LENGTH),
            "message": _cut(verdict.finding.message, _TEXT_LENGTH),
        }
        for verdict in decision.verdicts[:_MOST_FINDINGS]
    ]
    left = len(decision.verdicts) - len(shown)
    return msgspec.json.encode([*shown, {"more": left}] if left else shown).decode()


def title(subject: Subject | Item[Any], namespace: str) -> str:
    """Return `Deployment prod/web`; a name that is still to be generated ends in a star."""
    metadata = subject.metadata
    name = metadata.name or (metadata.generate_name or "") + "*"
    return plain(f"{subject.kind} {namespace}/{name}" if namespace else f"{subject.kind} {name}")


def place(prefix: str, pointer: str, container: str | None) -> str:
    """Return where a finding stands, as far as its message does not say so itself."""
    tokens = split(pointer)
    match tokens[:2]:
        case ["metadata", *_]:
            shown = tokens[:1]
        case ["rules" | "subjects", *_]:
            shown = tokens[:2]
        case ["spec", "rules" | "tls" | "ports" | "ingress" | "egress" | "listeners"]:
            shown = tokens[:3]
        case ["spec", "volumes"]:
            shown = tokens[:3]
        case ["spec", "securityContext"]:
            shown = tokens[:2]
        case _:
            shown = tokens[:3] if container is not None else tokens[:1]
    path = field_path(join(*shown) if pointer == NAMESPACE else prefix + join(*shown))
    return path if container is None else f'{path} "{container}"'


def _group(verdicts: Iterable[Verdict]) -> list[list[Verdict]]:
    """Join the verdicts of several policies on the same finding."""
    groups: dict[tuple[str, str, str], list[Verdict]] = {}
    for verdict in verdicts:
        finding = verdict.finding
        key = (finding.control, finding.pointer, finding.message)
        groups.setdefault(key, []).append(verdict)
    return list(groups.values())


def _names(group: list[Verdict]) -> list[str]:
    return list(dict.fromkeys(verdict.applied.policy.name for verdict in group))


def _policies(groups: list[list[Verdict]]) -> list[str]:
    shown = dict.fromkeys(
        f"{verdict.applied.policy.name} ({verdict.applied.policy.profile})"
        for group in groups
        for verdict in group
    )
    return list(shown)


def _join(policies: list[str]) -> str:
    return f"{'policy' if len(policies) == 1 else 'policies'} {', '.join(policies)}"


def _count(number: int) -> str:
    return f"{number} finding{'' if number == 1 else 's'}"


def _warning(subject: Subject | Item[Any], group: list[Verdict]) -> str:
    finding = group[0].finding
    where = place(subject.prefix, finding.pointer, finding.container)
    text = plain(f"{finding.control} ({', '.join(_names(group))}): {where}: {finding.message}")
    return _cut(text, _WARNING_LENGTH)


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"


def plain(text: str) -> str:
    """Keep values that people chose from steering terminals, making lines, and from flooding."""
    text = _cut(text, _TEXT_LENGTH)
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in text)
