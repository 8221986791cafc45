"""The Pod Security labels of a namespace, and how they go away again.

The in-tree plugin knows none of our controls, selectors and ceilings, so `enforce` is written only
as strict as the policy itself is; `warn` and `audit` refuse nothing and may come earlier.
https://kubernetes.io/docs/concepts/security/pod-security-admission/
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from revet.core import check
from revet.core.checks import ALL
from revet.core.compiled_policy import changes
from revet.core.engine import select_level, select_profile
from revet.core.errors import PolicyError
from revet.core.model.meta import FIELD_MANAGER, POD_SECURITY_ANNOTATION, Manifest
from revet.core.model.mode import Mode
from revet.core.model.policy import HardeningPolicy, HardeningPolicySpec
from revet.core.model.policy_namespaces import Level
from revet.core.model.policy_network import Switch
from revet.core.model.selector import canonical
from revet.core.model.settings import DEFAULT_SETTINGS
from revet.core.model.version import LATEST, KubeVersion

PREFIX: Final = "pod-security.kubernetes.io/"
MODES: Final = ("enforce", "audit", "warn")
LABELS: Final = frozenset(f"{PREFIX}{mode}{part}" for mode in MODES for part in ("", "-version"))
_RANKS: Final = tuple(Level)
_LATEST: Final = "latest"

#: The labels that stood there before ours, None where there was none.
Before = Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class Baseline:
    """What to do with a namespace's Pod Security labels.

    Attributes:
        labels: what to apply; empty if no label is to be ours.
        before: what to remember in the annotation, of exactly the labels that are ours now.
        restore: the labels that are ours no longer, with what to write in their place (None: they
            go), first and by a patch: what an apply wrote, the next apply without it removes.
        reasons: by policy, why a label is not what it asks for; nothing where it is.

    """

    labels: dict[str, str]
    before: dict[str, str | None]
    restore: dict[str, str | None]
    reasons: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Standard:
    """A level at a version, as two labels say it."""

    level: Level
    version: str

    @property
    def rank(self) -> tuple[int, int, bool]:
        """The order of strictness: by level, then the newer one."""
        is_latest = self.version == _LATEST
        try:
            minor = KubeVersion.parse(self.version).minor
        except PolicyError:  # newer than those we know
            minor = LATEST.minor + 1
        return _RANKS.index(self.level), minor, is_latest


def pod_security(
    policies: Iterable[tuple[HardeningPolicy, Mode]],
    live_labels: Mapping[str, str],
    before: Before,
    rewritten: Collection[str] = (),
) -> Baseline:
    """Return the labels for a namespace that these policies select, each with its ceiling there.

    Ours are the labels that `before`, the annotation, names; of them `rewritten` (see that
    function) were changed by others since. What others wrote stays where it is stricter.
    """
    # Anybody who may edit the namespace may write the annotation: it gets no other label changed.
    before = {key: before[key] for key in before if key in LABELS}
    asking = [each for each in policies if _asks(each[0].spec)]
    people = _without_ours(live_labels, before, rewritten)
    reasons: dict[str, list[str]] = {policy.metadata.name: [] for policy, _ in asking}
    labels: dict[str, str] = {}
    for mode in MODES:
        wishes: list[tuple[_Standard, list[str]]] = []
        for policy, ceiling in asking:
            notes = reasons[policy.metadata.name]
            wish = _wish(mode, policy.spec, ceiling, notes)
            wishes += [(wish, notes)] if wish is not None else []
        labels |= _settle(mode, wishes, _read(mode, people))
    ended = {key: before[key] for key in before if key not in labels and key not in rewritten}
    return Baseline(
        labels,
        {key: before[key] if key in before else live_labels.get(key) for key in labels},
        restored(live_labels, ended),
        {name: "; ".join(notes) for name, notes in reasons.items() if notes},
    )


def raised(
    baseline: Baseline,
    live_labels: Mapping[str, str],
    before: Before,
    rewritten: Collection[str] = (),
) -> Baseline:
    """Return as much of a baseline as is stricter than what stands; all else stays as it is."""
    before = {key: before[key] for key in before if key in LABELS}
    labels: dict[str, str] = {}
    for mode in MODES:
        keys = (PREFIX + mode, f"{PREFIX}{mode}-version")
        ours, live = _read(mode, baseline.labels), _read(mode, live_labels)
        if ours is not None and (live is None or live.rank < ours.rank):
            labels |= {key: baseline.labels[key] for key in keys}
        else:
            still_ours = before.keys() & live_labels.keys() - set(rewritten)
            labels |= {key: live_labels[key] for key in keys if key in still_ours}
    further = {key: live_labels.get(key) for key in labels if key not in before}
    return Baseline(labels, {**before, **further}, {}, baseline.reasons)


def namespace_manifest(name: str, uid: str, baseline: Baseline) -> Manifest:
    """Write our fields of a namespace; with its uid, which keeps a deleted one from coming back."""
    metadata: Manifest = {"name": name, "uid": uid, "labels": dict(baseline.labels)}
    if baseline.before:
        metadata["annotations"] = {POD_SECURITY_ANNOTATION: json.dumps(baseline.before)}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


def restored(labels_now: Mapping[str, str], before: Before) -> dict[str, str | None]:
    """Return what to write so that everything is as it was before ours; None: remove the label."""
    return {
        key: value
        for key, value in before.items()
        if key in LABELS and labels_now.get(key) != value
    }


def is_as_strict(live_labels: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    """Return whether labels are at least as strict as wanted ones, in each mode that is wanted."""
    for mode in MODES:
        ours, theirs = _read(mode, wanted), _read(mode, live_labels)
        if ours is not None and (theirs is None or theirs.rank < ours.rank):
            return False
    return True


def rewritten(namespace: Manifest, before: Before) -> frozenset[str]:
    """Return the labels of `before` that others have written since we did.

    A label that is gone is not among them: it was ours, and is written again.
    """
    metadata: dict[str, Any] = namespace["metadata"]
    labels: Mapping[str, str] = metadata.get("labels") or {}
    ours: set[str] = set()
    entries: Sequence[Manifest] = metadata.get("managedFields") or ()
    for entry in entries:
        if entry.get("manager") == FIELD_MANAGER:
            fields: Manifest = entry.get("fieldsV1") or {}
            ours |= fields.get("f:metadata", {}).get("f:labels", {}).keys()
    return frozenset(key for key in before if key in labels and f"f:{key}" not in ours)


def _asks(spec: HardeningPolicySpec) -> bool:
    return spec.namespaces is not None and spec.namespaces.mode is Switch.ENFORCE


def _without_ours(
    live: Mapping[str, str], before: Before, rewritten: Collection[str]
) -> dict[str, str]:
    """Return the labels as people want them: theirs now, and those that ours took the place of."""
    ours = {key: value for key, value in before.items() if key not in rewritten}
    theirs: dict[str, str | None] = {**live, **ours}
    return {key: value for key, value in theirs.items() if value is not None}


def _read(mode: str, labels: Mapping[str, str]) -> _Standard | None:
    level = labels.get(PREFIX + mode, "")
    if level not in _RANKS:
        return None
    return _Standard(Level(level), labels.get(f"{PREFIX}{mode}-version", _LATEST))


def _settle(
    mode: str, wishes: Sequence[tuple[_Standard, list[str]]], theirs: _Standard | None
) -> dict[str, str]:
    """Return the labels of the strictest wish, unless what others wrote is as strict."""
    if not wishes:
        return {}
    ours = max((wish for wish, _ in wishes), key=lambda each: each.rank)
    if theirs is None or theirs.rank < ours.rank:
        return {PREFIX + mode: ours.level.value, f"{PREFIX}{mode}-version": ours.version}
    if theirs.level is not ours.level:
        for _, notes in wishes:
            notes.append(f"{mode} stays {theirs.level.value}, which others wrote and is stricter")
    return {}


def _wish(
    mode: str, spec: HardeningPolicySpec, ceiling: Mode, notes: list[str]
) -> _Standard | None:
    """Return what a policy may have for a label, and note where that is less than it asks for."""
    asked: Level | None = None
    if spec.namespaces is not None and spec.namespaces.pod_security is not None:
        asked = getattr(spec.namespaces.pod_security, mode)
    if asked is None:
        return None
    if mode != MODES[0]:
        return _Standard(asked, spec.standard_version)
    refusal, level = _find_enforceable(spec, ceiling, asked)
    if refusal:
        outcome = f"is {level.value}, not {asked.value}" if level else "is not written"
        notes.append(f"enforce {outcome}: {refusal}")
    # By number: the plugin's latest may be newer, and stricter, than ours.
    return _Standard(level, str(KubeVersion.parse(spec.standard_version))) if level else None


def _find_enforceable(
    spec: HardeningPolicySpec, ceiling: Mode, asked: Level
) -> tuple[str, Level | None]:
    """Return why not what is asked for, and the strictest level that the policy itself enforces."""
    if ceiling is not Mode.ENFORCE:
        return f"the policy's enforcement is {ceiling.value} here", None
    if asked is Level.PRIVILEGED:
        return "", asked
    if canonical(spec.pod_selector):
        return "podSelector selects some pods, and Pod Security judges all", None
    missing = _list_not_enforced(spec, asked)
    if not missing:
        return "", asked
    refusal = f"not fully enforced: {', '.join(missing)}"
    is_baseline = asked is Level.RESTRICTED and not _list_not_enforced(spec, Level.BASELINE)
    return refusal, Level.BASELINE if is_baseline else None


def _list_not_enforced(spec: HardeningPolicySpec, level: Level) -> list[str]:
    """Return the controls that the plugin enforces at a level, and the policy does not."""
    version = KubeVersion.parse(spec.standard_version)
    active = select_profile(ALL, spec.profile, version, changes(spec))
    # What a policy allows besides, the plugin would refuse.
    looser = {control.id for control in spec.controls if control.settings != DEFAULT_SETTINGS}
    enforced = [each for each in active if each.mode is Mode.ENFORCE and each.id not in looser]
    covered = {each.id for each in enforced}.union(*(each.overrides for each in enforced))
    asked = select_level(ALL, check.Level(level.value), version)
    return [each.id for each in asked if each.id not in covered]
