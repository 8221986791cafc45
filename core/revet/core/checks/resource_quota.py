"""resource-quota: each namespace has a bound on what all of its pods together may take.

Fields: spec.hard of the ResourceQuotas of a Namespace
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
from revet.core.model.namespace import Namespace
from revet.core.model.settings import Settings


def _resource_quota(item: Item[Namespace], _: Settings) -> Iterator[Finding]:
    name = item.metadata.name or ""
    seen = item.around.resource_quotas(name)
    if any(each.spec.hard for each in seen.items):
        return
    if not seen.is_all:
        yield Finding.unknown(
            "resource-quota", "/metadata/name", f"all ResourceQuotas of Namespace {name}"
        )
        return
    yield Finding(
        "resource-quota",
        "/metadata/name",
        "no ResourceQuota bounds what the namespace may take",
        None,
        Fix("a ResourceQuota with hard: {limits.memory: 16Gi, pods: 50}"),
    )


CHECK = Check(
    id="resource-quota",
    title="Namespaces have a quota",
    tier=3,
    items=(ItemRule(("Namespace",), _resource_quota),),
    profiles=Profiles(Default.DISABLED, Default.AUDIT, Default.AUDIT),
    standing=True,
    needs=frozenset({"ResourceQuota"}),
    explanation=Explanation(
        what="The namespace has a ResourceQuota that bounds something. Judged by the audit and by "
        "revet check, never at admission: a namespace that is just made has nothing in it yet.",
        why="Without a quota one tenant, or whoever got into one of its pods, can take the whole "
        "cluster's memory, nodes or addresses.",
        fix="""\
apiVersion: v1
kind: ResourceQuota
metadata: {name: tenant, namespace: shop}
spec:
  hard: {limits.memory: 16Gi, requests.cpu: "8", pods: "50"}""",
        breaks="Rollouts that go over the quota wait; pods without requests and limits are refused "
        "where the quota is on these, unless a LimitRange gives defaults.",
    ),
    supports=(("NSA/CISA", "T4.0"),),
)
