"""netpol-too-wide: no NetworkPolicy lets everybody in, or out to everywhere.

Fields: spec.{ingress,egress} of NetworkPolicies
Allowed: peers that select something; addresses other than all
"""

from collections.abc import Iterator
from typing import Final

from revet.core.check import (
    Check,
    Default,
    Explanation,
    Finding,
    Fix,
    ItemRule,
    Profiles,
)
from revet.core.cidr import find_everybody, is_everybody
from revet.core.item import Item
from revet.core.model.network_policy import NetworkPolicy, Peer, PolicyPort, Selector
from revet.core.model.settings import Settings

#: Every namespace has it, so that to ask for its presence is to ask for nothing.
_NAME_LABEL: Final = "kubernetes.io/metadata.name"


def _netpol_too_wide(item: Item[NetworkPolicy], _: Settings) -> Iterator[Finding]:
    spec = item.body.spec
    for index, ingress in enumerate(spec.ingress_in_force):
        yield from _judge(f"/spec/ingress/{index}", "from", ingress.peers, ingress.ports)
    for index, egress in enumerate(spec.egress_in_force):
        yield from _judge(f"/spec/egress/{index}", "to", egress.peers, egress.ports)


def _judge(
    pointer: str, word: str, peers: tuple[Peer, ...] | None, ports: tuple[PolicyPort, ...] | None
) -> Iterator[Finding]:
    if not peers:
        told = "on its ports" if ports else "on all ports"
        yield _found(pointer, f"{word} names nobody: everybody {told}")
    wide = find_everybody(peer.ip_block.cidr for peer in peers or () if peer.ip_block is not None)
    parts = [cidr for cidr in wide if not is_everybody(cidr)]
    if parts:
        yield _found(f"{pointer}/{word}", f"{word} has {' and '.join(parts)}: together everybody")
    for index, peer in enumerate(peers or ()):
        place = f"{pointer}/{word}/{index}"
        if peer.ip_block is not None and is_everybody(peer.ip_block.cidr):
            yield _found(f"{place}/ipBlock/cidr", f"{word} has {peer.ip_block.cidr}: everybody")
        namespaces = peer.namespace_selector
        if namespaces is not None and _is_any(namespaces) and _is_any(peer.pod_selector):
            yield _found(f"{place}/namespaceSelector", f"{word} takes every pod of the cluster")


def _is_any(selector: Selector | None) -> bool:
    """Return whether a selector, of pods where there is none, takes all."""
    return selector is None or (
        not selector.match_labels
        and all(
            each.key == _NAME_LABEL and each.operator == "Exists"
            for each in selector.match_expressions or ()
        )
    )


def _found(pointer: str, message: str) -> Finding:
    fix = Fix("name the pods and namespaces that it is about")
    return Finding("netpol-too-wide", pointer, message, None, fix)


CHECK = Check(
    id="netpol-too-wide",
    title="NetworkPolicies open what they name",
    tier=2,
    items=(ItemRule(("NetworkPolicy",), _netpol_too_wide),),
    profiles=Profiles(Default.AUDIT, Default.WARN, Default.ENFORCE),
    explanation=Explanation(
        what="No rule of a NetworkPolicy leaves its peers open, names all addresses, or selects "
        "every pod of every namespace.",
        why="NetworkPolicies add up: one that is open to all takes back whatever the others deny.",
        fix="""\
ingress:
- from:
  - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: ingress-nginx}}
  ports: [{port: 8080}]""",
        breaks="Front doors that serve everybody, and clients of the Internet; give them a policy "
        "of their own.",
    ),
    supports=(("NIST 800-190", "4.4.2"),),
)
