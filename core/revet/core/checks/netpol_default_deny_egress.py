"""netpol-default-deny-egress: each namespace denies egress that nothing allows.

Fields: spec.podSelector, spec.policyTypes and spec.egress of the NetworkPolicies of a Namespace
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


def _netpol_default_deny_egress(item: Item[Namespace], _: Settings) -> Iterator[Finding]:
    yield from find_no_default_deny("netpol-default-deny-egress", item, "Egress")


CHECK = Check(
    id="netpol-default-deny-egress",
    title="Egress is denied by default",
    tier=2,
    items=(ItemRule(("Namespace",), _netpol_default_deny_egress),),
    profiles=Profiles(Default.DISABLED, Default.AUDIT, Default.WARN),
    standing=True,
    needs=frozenset({"NetworkPolicy"}),
    explanation=Explanation(
        what="The namespace has a NetworkPolicy that selects all of its pods, names Egress among "
        "its policyTypes and allows nothing. Judged by the audit and by revet check, never at "
        "admission: a namespace that is just made has nothing in it yet.",
        why="Without it whoever gets into a pod loads tools from the Internet, sends data there, "
        "and reaches the cloud's metadata.",
        fix="""\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: default-deny, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Egress]        # left out, it would be for Ingress only""",
        breaks="Every connection that no NetworkPolicy allows, those to DNS and to the API server "
        "among them. The policy's spec.network writes it in each namespace, with DNS allowed.",
    ),
    supports=(
        ("CIS Kubernetes 1.10", "5.3.2"),
        ("NSA/CISA", "C-0030, C-0054"),
        ("NIST 800-53 r5", "AC-4, SC-7"),
        ("NIST 800-190", "4.3.3, 4.4.2"),
    ),
)
