"""Controls of the tests' own, so that entries, calls and doors are tried on every kind there is.

Each finds an object, or a pod, whose label `bad` names the control.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from revet.core.check import (
    Check,
    Default,
    Explanation,
    Finding,
    ItemRule,
    Profiles,
    Revision,
)
from revet.core.item import Item
from revet.core.kinds import KINDS
from revet.core.model.pod import Pod
from revet.core.model.settings import Settings
from revet.core.model.version import KubeVersion

BAD = "bad"
ITEMS = tuple(kind.name for kind in KINDS if kind.is_admitted and not kind.holds_pod)
NAMESPACED = tuple(kind.name for kind in KINDS if not kind.holds_pod and kind.is_namespaced)
CLUSTER_SCOPED = tuple(kind.name for kind in KINDS if kind.is_admitted and not kind.is_namespaced)


def item_check(name: str, *kinds: str, default: Default = Default.ENFORCE) -> Check:
    """Make a control that judges objects of these kinds, one rule for each."""

    def judge(item: Item[Any], settings: Settings) -> Iterator[Finding]:
        if (item.metadata.labels or {}).get(BAD) == name and item.kind not in settings.allow:
            yield Finding(name, "/metadata/labels/bad", f"{item.kind} is bad, must be good")

    items = tuple(ItemRule((kind,), judge) for kind in kinds)
    return replace(_check(name, default), items=items)


def pod_check(
    name: str,
    *,
    default: Default = Default.ENFORCE,
    defaulted: bool = False,
    items: tuple[ItemRule, ...] = (),
) -> Check:
    """Make a control that judges pods, and other objects by rules of another control."""

    def judge(pod: Pod) -> Iterator[Finding]:
        if pod.labels.get(BAD) == name:
            yield Finding(name, "/metadata/labels/bad", "the pod is bad, must be good")

    revisions = (Revision(KubeVersion(1, 0), judge),)
    return replace(_check(name, default), revisions=revisions, defaulted=defaulted, items=items)


def _check(name: str, default: Default) -> Check:
    return Check(
        id=name,
        title=name,
        tier=1,
        profiles=Profiles(default, default, default),
        explanation=Explanation(what="a", why="b", fix="c: d", breaks="e"),
    )
