"""limit-range: each namespace gives a memory limit to containers that name none.

Fields: spec.limits of the LimitRanges of a Namespace
Allowed: one of the type Container with a default, or a maximum, for memory
"""

from collections.abc import Iterator

from revet.core.check import (
    Check,
    Default,
    Explanation,
    Finding,
    Fix,
    ItemRule,
    Profiles,
)
from revet.core.item import Item
from revet.core.model.namespace import LimitRange, Namespace
from revet.core.model.settings import Settings


def _limit_range(item: Item[Namespace], _: Settings) -> Iterator[Finding]:
    name = item.metadata.name or ""
    seen = item.around.limit_ranges(name)
    if any(_limits_memory(each) for each in seen.items):
        return
    if not seen.is_all:
        yield Finding.unknown(
            "limit-range", "/metadata/name", f"all LimitRanges of Namespace {name}"
        )
        return
    yield Finding(
        "limit-range",
        "/metadata/name",
        "no LimitRange gives containers a default memory limit",
        None,
        Fix("a LimitRange with limits: [{type: Container, default: {memory: 512Mi}}]"),
    )


def _limits_memory(limit_range: LimitRange) -> bool:
    return any(
        # As the API server has it, the maximum is the default where there is no other.
        limit.type == "Container" and "memory" in {**(limit.default or {}), **(limit.max or {})}
        for limit in limit_range.spec.limits or ()
    )


CHECK = Check(
    id="limit-range",
    title="Namespaces have a default memory limit",
    tier=2,
    items=(ItemRule(("Namespace",), _limit_range),),
    profiles=Profiles(Default.DISABLED, Default.WARN, Default.WARN),
    standing=True,
    needs=frozenset({"LimitRange"}),
    explanation=Explanation(
        what="The namespace has a LimitRange with a default, or a maximum, for the memory of "
        "containers. Judged by the audit and by revet check, never at admission: a namespace that "
        "is just made has nothing in it yet.",
        why="One container without a limit can take a node's memory, and every other pod on it "
        "down.",
        fix="""\
apiVersion: v1
kind: LimitRange
metadata: {name: defaults, namespace: shop}
spec:
  limits:
  - type: Container
    default: {memory: 512Mi}
    defaultRequest: {cpu: 100m, memory: 128Mi}""",
        breaks="Containers that need more than the default and do not say so are killed.",
    ),
    supports=(
        ("NSA/CISA", "T4.1"),
        ("NIST 800-53 r5", "SC-6"),
    ),
)
