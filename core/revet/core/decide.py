"""From findings to an answer: what each finding leads to, given the policy's modes and ceilings."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from revet.core.check import Finding
from revet.core.compiled_policy import Applied
from revet.core.engine import evaluate
from revet.core.item import Item
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
    def would_deny(self) -> bool:
        """Whether it would refuse the object if the policy's enforcement were Enforce."""
        return not self.spared and self.applied.policy.modes[self.finding.control] is Mode.ENFORCE


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
        if findings:
            modes = policy.modes if is_pod else policy.template_modes
            verdicts += _verdicts(each, findings, modes, min(each.ceiling, at_most))
    return Decision(tuple(verdicts))


def decide_item(item: Item[Any], applied: Iterable[Applied], *, at_most: Mode) -> Decision:
    """Judge an object that holds no pod by every policy that applies, whatever its podSelector."""
    verdicts: list[Verdict] = []
    for each in applied:
        rules = each.policy.item_checks.get(item.kind, ())
        findings = [finding for rule in rules for finding in rule(item)]
        verdicts += _verdicts(each, findings, each.policy.modes, min(each.ceiling, at_most))
    return Decision(tuple(verdicts))


def _verdicts(
    applied: Applied, findings: Iterable[Finding], modes: Mapping[str, Mode], ceiling: Mode
) -> Iterator[Verdict]:
    for finding in findings:
        yield Verdict(applied, finding, min(modes[finding.control], ceiling))
