"""The engine: which checks run, what they find, and which safe fixes there are.

Pure and blind to who asks: webhook, command line and audit judge by the same functions.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import msgspec

from revet.core.check import Assignment, Check, CheckPod, Finding, Json, Level
from revet.core.model.mode import Mode
from revet.core.model.pod import Pod, PodTemplateSpec
from revet.core.model.version import KubeVersion
from revet.core.patch import Operation, assign
from revet.core.pointer import split


@dataclass(frozen=True, slots=True)
class ActiveCheck:
    """A check as one policy runs it: the rule of its version, its mode, and whether it patches."""

    id: str
    run: CheckPod
    mode: Mode
    patch: bool = False
    overrides: tuple[str, ...] = ()


def select_level(checks: Iterable[Check], level: Level, version: KubeVersion) -> list[ActiveCheck]:
    """Return the checks that a level of the Pod Security Standards asks for, all enforced."""
    active = [
        _activate(check, version, Mode.ENFORCE, patch=False)
        for check in checks
        if check.level is Level.BASELINE or level is Level.RESTRICTED
    ]
    return without_overridden(check for check in active if check is not None)


def select_profile(
    checks: Iterable[Check],
    profile: str,
    version: KubeVersion,
    changes: dict[str, tuple[Mode | None, bool | None]],
) -> list[ActiveCheck]:
    """Return the checks of a policy: its profile's, with `changes` by id; None changes nothing."""
    active: list[ActiveCheck | None] = []
    for check in checks:
        mode, patch = check.profiles.of(profile).value
        new_mode, new_patch = changes.get(check.id, (None, None))
        active.append(
            _activate(
                check,
                version,
                mode if new_mode is None else new_mode,
                patch=patch if new_patch is None else new_patch,
            )
        )
    return without_overridden(check for check in active if check is not None)


def _activate(check: Check, version: KubeVersion, mode: Mode, *, patch: bool) -> ActiveCheck | None:
    run = check.revision(version)
    if run is None or mode is Mode.DISABLED:
        return None
    return ActiveCheck(check.id, run, mode, patch, check.overrides)


def without_overridden(checks: Iterable[ActiveCheck]) -> list[ActiveCheck]:
    """Leave out each check that a stricter one covers, unless that one is in a milder mode."""
    active = list(checks)
    strongest: dict[str, Mode] = {}
    for check in active:
        for overridden in check.overrides:
            strongest[overridden] = max(check.mode, strongest.get(overridden, Mode.DISABLED))
    return [check for check in active if strongest.get(check.id, Mode.DISABLED) < check.mode]


def evaluate(pod: Pod, checks: Iterable[ActiveCheck]) -> list[Finding]:
    """Return all findings of `checks` in the order of the catalog."""
    findings: list[Finding] = []
    for check in checks:
        findings.extend(check.run(pod))
    return findings


def safe_fixes(pod: Pod, checks: Iterable[ActiveCheck]) -> Iterator[Assignment]:
    """Yield what the patching ones among `checks` would set."""
    for check in checks:
        if check.patch:
            for finding in check.run(pod):
                if finding.fix is not None:
                    yield from finding.fix.assignments


def mend(
    document: Json, prefix: str, checks: Iterable[ActiveCheck]
) -> tuple[PodTemplateSpec, list[Operation]]:
    """Apply every safe fix of `checks` to the pod at `prefix` of `document`, in place.

    One fix can make room for the next (drop-all-capabilities waits for run-as-non-root), so this
    goes on until nothing is left to do; mending the result again does nothing.
    """
    patching = [check for check in checks if check.patch]
    operations: list[Operation] = []
    while True:
        template = _template_at(document, prefix)
        done = assign(document, list(safe_fixes(Pod(template), patching)), prefix)
        if not done:
            return template, operations
        operations += done


def _template_at(document: Json, prefix: str) -> PodTemplateSpec:
    for token in split(prefix):
        document = document.get(token) if isinstance(document, dict) else None
    return msgspec.convert(document or {}, PodTemplateSpec)
