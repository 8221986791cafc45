"""The log's line of one decision: apart, since it is a format that others read."""

from collections import Counter

import msgspec

from revet.core.decide import Decision


class FindingLine(msgspec.Struct, gc=False):
    """What one control of one policy found, and how often."""

    policy: str
    control: str
    mode: str
    count: int


class DecisionLine(msgspec.Struct, gc=False, kw_only=True, rename="camel"):
    """The line of one decision; a Struct, since one is written for every review."""

    time: str
    event: str = "decision"
    door: str
    uid: str
    user: str
    operation: str
    kind: str
    namespace: str
    name: str
    dry_run: bool
    verdict: str
    ms: float
    findings: list[FindingLine]


def fold(decision: Decision) -> list[FindingLine]:
    """Fold the findings: a line must not grow with the number of containers."""
    folded = Counter(
        (each.applied.policy.name, each.finding.control, each.mode.value)
        for each in decision.verdicts
    )
    return [FindingLine(*labels, number) for labels, number in folded.items()]
