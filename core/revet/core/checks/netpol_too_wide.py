"""netpol-too-wide: no NetworkPolicy lets everybody in, or out to everywhere.

Fields: spec.{ingress,egress} of NetworkPolicies
Allowed: peers that select something, not only leave something out; addresses other than all;
NetworkPolicies that the policy names
"""

from collections.abc import Iterator, Sequence
from typing import Final

from revet.core.check import (
    Check,
    Default,
    Explanation,
    Finding,
    Fix,
    ItemRule,
    Parameter,
    Profiles,
)
from revet.core.cidr import find_everybody, is_everybody
from revet.core.item import Item
from revet.core.model.network_policy import (
    EgressRule,
    IngressRule,
    NetworkPolicy,
    PolicyPort,
    Selector,
)
from revet.core.model.settings import Settings
from revet.core.permissions import is_allowed

#: Every namespace has it, so that to ask for its presence is to ask for nothing.
_NAME_LABEL: Final = "kubernetes.io/metadata.name"
#: Whoever names only what is left out takes all that will ever come.
_EXCLUDING: Final = {"NotIn", "DoesNotExist"}


def _netpol_too_wide(item: Item[NetworkPolicy], settings: Settings) -> Iterator[Finding]:
    if is_allowed(item, settings):
        return
    spec = item.body.spec
    yield from _judge("/spec/ingress", "from", spec.ingress_in_force)
    yield from _judge("/spec/egress", "to", spec.egress_in_force)


def _judge(pointer: str, word: str, rules: Sequence[IngressRule | EgressRule]) -> Iterator[Finding]:
    for index, rule in enumerate(rules):
        yield from _judge_rule(f"{pointer}/{index}", word, rule)
    for index, parts in _join(rules):
        told = f"{word} has {' and '.join(parts)}: together everybody"
        yield _found(f"{pointer}/{index}/{word}", told)


def _join(rules: Sequence[IngressRule | EgressRule]) -> Iterator[tuple[int, list[str]]]:
    """Yield the blocks that are everybody only together, with the first rule that has one.

    Rules add up: those with the same ports are as one.
    """
    alike: dict[frozenset[PolicyPort], dict[str, int]] = {}
    for index, rule in enumerate(rules):
        blocks = alike.setdefault(frozenset(rule.ports or ()), {})
        for peer in rule.peers or ():
            if peer.ip_block is not None:
                blocks.setdefault(peer.ip_block.cidr, index)
    for blocks in alike.values():
        parts = [cidr for cidr in find_everybody(blocks) if not is_everybody(cidr)]
        if parts:
            yield min(blocks[cidr] for cidr in parts), parts


def _judge_rule(pointer: str, word: str, rule: IngressRule | EgressRule) -> Iterator[Finding]:
    peers = rule.peers
    if not peers:
        told = "on its ports" if rule.ports else "on all ports"
        yield _found(pointer, f"{word} names nobody: everybody {told}")
    for index, peer in enumerate(peers or ()):
        place = f"{pointer}/{word}/{index}"
        if peer.ip_block is not None and is_everybody(peer.ip_block.cidr):
            yield _found(f"{place}/ipBlock/cidr", f"{word} has {peer.ip_block.cidr}: everybody")
        namespaces = peer.namespace_selector
        if namespaces is not None and _is_any(namespaces) and _is_any(peer.pod_selector):
            told = "takes every pod of the cluster"
            if _excludes(namespaces) or _excludes(peer.pod_selector):
                told += " but those that it leaves out"
            yield _found(f"{place}/namespaceSelector", f"{word} {told}")


def _is_any(selector: Selector | None) -> bool:
    """Return whether a selector, of pods where there is none, takes all but what it names."""
    return selector is None or (
        not selector.match_labels
        and all(
            each.operator in _EXCLUDING or (each.key == _NAME_LABEL and each.operator == "Exists")
            for each in selector.match_expressions or ()
        )
    )


def _excludes(selector: Selector | None) -> bool:
    expressions = (selector.match_expressions or ()) if selector is not None else ()
    return any(each.operator in _EXCLUDING for each in expressions)


def _found(pointer: str, message: str) -> Finding:
    fix = Fix("name the pods and namespaces that it is about")
    return Finding("netpol-too-wide", pointer, message, None, fix)


CHECK = Check(
    id="netpol-too-wide",
    title="NetworkPolicies open what they name",
    tier=2,
    items=(ItemRule(("NetworkPolicy",), _netpol_too_wide),),
    profiles=Profiles(Default.AUDIT, Default.WARN, Default.ENFORCE),
    parameters=(Parameter("allow", "NetworkPolicies that may be that wide, as NAMESPACE/NAME."),),
    explanation=Explanation(
        what="No rule of a NetworkPolicy leaves its peers open, selects every pod of every "
        "namespace, or only leaves some of them out; and no rule, nor those with the same ports "
        "together, names all addresses, whatever it excepts.",
        why="NetworkPolicies add up: one that is open to all takes back whatever the others deny.",
        fix="""\
ingress:
- from:
  - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: ingress-nginx}}
  ports: [{port: 8080}]""",
        breaks="Front doors that serve everybody, and clients of the Internet; give them a "
        "NetworkPolicy of their own, and name it in allow.",
    ),
    supports=(("NIST 800-190", "4.4.2"),),
)
