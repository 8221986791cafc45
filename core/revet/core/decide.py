"""From findings to an answer: what each finding leads to, given the policy's modes and ceilings."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from revet.core.check import CheckItem, Finding, Outcome
from revet.core.compiled_policy import HELD, Applied
from revet.core.engine import evaluate
from revet.core.item import Item
from revet.core.model.image_facts import FROM_REGISTRIES
from revet.core.model.mode import Mode
from revet.core.model.pod import Pod


@dataclass(frozen=True, slots=True)
class Verdict:
    """A finding under one policy, with the mode in which it stands there.

    `spared`: enforcing would not refuse it, since it would be patched first, or never is.
    """

    applied: Applied
    finding: Finding
    mode: Mode
    spared: bool = False

    @property
    def is_unknown(self) -> bool:
        """Whether the control could not judge, for want of another object: no pass, no finding."""
        return self.finding.outcome is Outcome.UNKNOWN

    @property
    def awaits_news(self) -> bool:
        """Whether a watch may still bring what it needs: registries were asked before judging."""
        return self.is_unknown and self.finding.control not in FROM_REGISTRIES

    @property
    def would_deny(self) -> bool:
        """Whether it would refuse the object if the policy's enforcement were Enforce."""
        if self.is_unknown or self.spared:
            return False
        return self.applied.policy.modes[self.finding.control] is Mode.ENFORCE


@dataclass(frozen=True, slots=True)
class Decision:
    """All verdicts of all policies on one object, in the order of policies and catalog."""

    verdicts: tuple[Verdict, ...] = ()

    @property
    def allowed(self) -> bool:
        """Whether nothing refuses the object."""
        return not any(verdict.mode is Mode.ENFORCE for verdict in self.verdicts)

    def in_mode(self, mode: Mode) -> list[Verdict]:
        """Return the verdicts that stand in `mode`."""
        return [verdict for verdict in self.verdicts if verdict.mode is mode]


def decide(pod: Pod, applied: Iterable[Applied], *, is_pod: bool, at_most: Mode) -> Decision:
    """Judge a pod, or a template as the pod it would become, by every policy that applies.

    `at_most` is the ceiling of the place that asks: a Pod that a node mirrors is only reported.
    """
    verdicts: list[Verdict] = []
    for each in applied:
        policy = each.policy
        if not policy.selects_pod(pod.labels):
            continue
        findings = evaluate(pod, policy.pod_checks)
        if each.is_system:
            # What was seen elsewhere must not come between the system and its pods.
            findings = [found for found in findings if found.control != HELD]
        if findings:
            modes = policy.modes if is_pod else policy.template_modes
            ceiling = min(each.ceiling, at_most)
            verdicts += _verdicts(each, findings, modes, ceiling, is_pod=is_pod)
    return Decision(tuple(verdicts))


def decide_item(
    item: Item[Any], applied: Iterable[Applied], *, at_most: Mode, stands: bool = False
) -> Decision:
    """Judge an object that holds no pod by every policy that applies, whatever its podSelector.

    `stands`: it is not asked for but there; the controls that judge no request speak as well.
    """
    verdicts: list[Verdict] = []
    known: dict[CheckItem, tuple[Finding, ...]] = {}

    def find(rules: Iterable[CheckItem]) -> Iterator[Finding]:
        for rule in rules:
            # What a rule finds under the same settings need not be found for each policy again.
            if rule not in known:
                known[rule] = tuple(rule(item))
            yield from known[rule]

    for each in applied:
        policy, ceiling = each.policy, min(each.ceiling, at_most)
        findings = find(policy.item_checks.get(item.kind, ()))
        verdicts += _verdicts(each, findings, policy.modes, ceiling)
        if stands:
            findings = find(policy.standing_checks.get(item.kind, ()))
            late = _verdicts(each, findings, policy.modes, ceiling)
            verdicts += (replace(verdict, spared=True) for verdict in late)
    return Decision(tuple(verdicts))


def _verdicts(
    applied: Applied,
    findings: Iterable[Finding],
    modes: Mapping[str, Mode],
    ceiling: Mode,
    *,
    is_pod: bool = True,
) -> Iterator[Verdict]:
    for finding in findings:
        mode = min(modes[finding.control], ceiling)
        if finding.outcome is Outcome.UNKNOWN and finding.control in FROM_REGISTRIES:
            mode = min(mode, applied.policy.on_unknown)
        if finding.outcome is Outcome.UNKNOWN and not is_pod:
            # What it needs may well come before the first pod does.
            mode = min(mode, Mode.WARN)
        yield Verdict(applied, finding, mode)
