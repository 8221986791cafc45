"""The engine: which checks run, what they find, and which safe fixes there are.

Pure and blind to who asks: webhook, command line and audit judge by the same functions.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from revet.core.check import (
    Assignment,
    Check,
    CheckItem,
    CheckPod,
    Finding,
    Json,
    Level,
)
from revet.core.model.image_facts import NOT_ASKED, ImageFacts
from revet.core.model.mode import Mode
from revet.core.model.pod import Pod, PodTemplateSpec
from revet.core.model.reader import Reader
from revet.core.model.settings import DEFAULT_SETTINGS, Settings
from revet.core.model.version import KubeVersion
from revet.core.patch import Operation, assign
from revet.core.pointer import split


@dataclass(frozen=True, slots=True)
class ActiveCheck:
    """A check as one policy runs it: its rules, its mode, and whether it patches.

    Attributes:
        id: the check's.
        run: the rule for pods as of the policy's version; None where it judges none.
        mode: what a finding leads to, below the policy's ceiling.
        patch: whether its safe fixes are made.
        overrides: ids of the checks that it covers.
        items: the rules for other objects, by kind.
        defaulted: whether it never refuses a template, since admission may still mend it.
        standing: whether it judges what stands, and never a request.
        needs: the kinds of other objects that it asks for.

    """

    id: str
    run: CheckPod | None
    mode: Mode
    patch: bool = False
    overrides: tuple[str, ...] = ()
    items: tuple[tuple[str, CheckItem], ...] = ()
    defaulted: bool = False
    standing: bool = False
    needs: frozenset[str] = frozenset()


class Change(NamedTuple):
    """How a policy sets a control otherwise than its profile; None changes nothing."""

    mode: Mode | None = None
    patch: bool | None = None
    settings: Settings = DEFAULT_SETTINGS


_NO_CHANGE: Final = Change()
_template: Final = Reader(PodTemplateSpec)


def select_level(checks: Iterable[Check], level: Level, version: KubeVersion) -> list[ActiveCheck]:
    """Return the checks that a level of the Pod Security Standards asks for, all enforced."""
    active = [
        _activate(check, version, Mode.ENFORCE, patch=False)
        for check in checks
        if check.level is Level.BASELINE or (check.level is not None and level is Level.RESTRICTED)
    ]
    return without_overridden(check for check in active if check is not None)


def select_profile(
    checks: Iterable[Check], profile: str, version: KubeVersion, changes: Mapping[str, Change]
) -> list[ActiveCheck]:
    """Return the checks of a policy: its profile's, with `changes` by id."""
    active: list[ActiveCheck | None] = []
    for check in checks:
        mode, patch = check.profiles.of(profile).value
        change = changes.get(check.id, _NO_CHANGE)
        active.append(
            _activate(
                check,
                version,
                mode if change.mode is None else change.mode,
                patch=patch if change.patch is None else change.patch,
                settings=replace(change.settings, profile=profile),
            )
        )
    return without_overridden(check for check in active if check is not None)


def _activate(
    check: Check,
    version: KubeVersion,
    mode: Mode,
    *,
    patch: bool,
    settings: Settings = DEFAULT_SETTINGS,
) -> ActiveCheck | None:
    revision = check.revision(version)
    if mode is Mode.DISABLED or (revision is None and not check.items):
        return None
    return ActiveCheck(
        check.id,
        revision.bind(settings) if revision is not None else None,
        mode,
        patch,
        check.overrides,
        tuple((kind, rule.bind(settings)) for rule in check.items for kind in rule.kinds),
        check.defaulted,
        check.standing,
        check.needs,
    )


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
        if check.run is not None:
            findings.extend(check.run(pod))
    return findings


def safe_fixes(pod: Pod, checks: Iterable[ActiveCheck]) -> Iterator[Assignment]:
    """Yield what the patching ones among `checks` would set."""
    for check in checks:
        if check.patch and check.run is not None:
            for finding in check.run(pod):
                if finding.fix is not None:
                    yield from finding.fix.assignments


def mend(
    document: Json, prefix: str, checks: Iterable[ActiveCheck], images: ImageFacts = NOT_ASKED
) -> tuple[PodTemplateSpec, list[Operation]]:
    """Apply every safe fix of `checks` to the pod at `prefix` of `document`, in place.

    One fix can make room for the next (drop-all-capabilities waits for run-as-non-root), so this
    goes on until nothing is left to do; mending the result again does nothing. `images` is what
    registries said.
    """
    patching = [check for check in checks if check.patch]
    operations: list[Operation] = []
    while True:
        template = _template_at(document, prefix)
        done = assign(document, list(safe_fixes(Pod(template, images=images), patching)), prefix)
        if not done:
            return template, operations
        operations += done


def _template_at(document: Json, prefix: str) -> PodTemplateSpec:
    for token in split(prefix):
        document = document.get(token) if isinstance(document, dict) else None
    if prefix and isinstance(document, dict):
        # What a template says of a status is nothing that a cluster says.
        document = {key: value for key, value in document.items() if key != "status"}
    return _template.convert(document or {})
