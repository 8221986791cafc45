"""netpol-default-deny-ingress: each namespace denies ingress that nothing allows.

Fields: spec.podSelector, spec.policyTypes and spec.ingress of the NetworkPolicies of a Namespace
"""

from collections.abc import Iterator

from revet.core.check import (
    Check,
    Default,
    Explanation,
    Finding,
    ItemRule,
    Profiles,
)
from revet.core.isolation import find_no_default_deny
from revet.core.item import Item
from revet.core.model.namespace import Namespace
from revet.core.model.settings import Settings


def _netpol_default_deny_ingress(item: Item[Namespace], _: Settings) -> Iterator[Finding]:
    yield from find_no_default_deny("netpol-default-deny-ingress", item, "Ingress")


CHECK = Check(
    id="netpol-default-deny-ingress",
    title="Ingress is denied by default",
    tier=1,
    items=(ItemRule(("Namespace",), _netpol_default_deny_ingress),),
    profiles=Profiles(Default.AUDIT, Default.WARN, Default.WARN),
    standing=True,
    needs=frozenset({"NetworkPolicy"}),
    explanation=Explanation(
        what="The namespace has a NetworkPolicy that selects all of its pods, is for Ingress and "
        "allows nothing. Judged by the audit and by revet check, never at admission: a namespace "
        "that is just made has nothing in it yet.",
        why="Without it every pod of the cluster may connect to every pod here, and an attacker in "
        "any of them walks on from there.",
        fix="""\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: default-deny, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Ingress]""",
        breaks="Every connection that no NetworkPolicy allows; look at who talks to whom first. "
        "The policy's spec.network writes it in each namespace.",
    ),
    supports=(
        ("CIS Kubernetes 1.10", "5.3.2"),
        ("NSA/CISA", "C-0030, C-0054"),
        ("NIST 800-53 r5", "AC-4, SC-7"),
        ("NIST 800-190", "4.3.3, 4.4.2"),
    ),
)
