"""netpol-metadata: no NetworkPolicy opens the cloud's metadata service.

Fields: spec.egress[*].{to[*].ipBlock,ports} of NetworkPolicies
Allowed: blocks without 169.254.169.254, or with it excepted; ports other than 80
"""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address
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
from revet.core.cidr import parse_block
from revet.core.item import Item
from revet.core.model.network_policy import IPBlock, NetworkPolicy, PolicyPort
from revet.core.model.settings import Settings

#: The metadata services of AWS, Azure and Google, and of AWS by IPv6.
_ADDRESSES: Final = (IPv4Address("169.254.169.254"), IPv6Address("fd00:ec2::254"))


#: It is served by HTTP alone.
_PORT: Final = 80


def _netpol_metadata(item: Item[NetworkPolicy], _: Settings) -> Iterator[Finding]:
    for index, rule in enumerate(item.body.spec.egress_in_force):
        if not _has_port(rule.ports):
            continue
        if not rule.peers:
            yield _found(f"/spec/egress/{index}", "to names nobody: the metadata service too")
        for at, peer in enumerate(rule.peers or ()):
            if peer.ip_block is not None and _reaches(peer.ip_block):
                place = f"/spec/egress/{index}/to/{at}/ipBlock"
                yield _found(place, f"{peer.ip_block.cidr} holds the metadata service")


def _has_port(ports: tuple[PolicyPort, ...] | None) -> bool:
    """Return whether the ports of a rule hold that of the service; named ones are pods' own."""
    return not ports or any(
        each.port is None
        or (isinstance(each.port, int) and each.port <= _PORT <= (each.end_port or each.port))
        for each in ports
        if each.protocol in {None, "TCP"}
    )


def _reaches(block: IPBlock) -> bool:
    return any(
        _holds(block.cidr, address)
        and not any(_holds(each, address) for each in block.excluded or ())
        for address in _ADDRESSES
    )


def _holds(cidr: str, address: IPv4Address | IPv6Address) -> bool:
    block = parse_block(cidr)
    return block is not None and address in block


def _found(pointer: str, message: str) -> Finding:
    fix = Fix("ipBlock: {cidr: 0.0.0.0/0, except: [169.254.169.254/32]}")
    return Finding("netpol-metadata", pointer, message, None, fix)


CHECK = Check(
    id="netpol-metadata",
    title="No way to the metadata service",
    tier=1,
    items=(ItemRule(("NetworkPolicy",), _netpol_metadata),),
    profiles=Profiles(Default.DISABLED, Default.AUDIT, Default.WARN),
    explanation=Explanation(
        what="No egress rule of a NetworkPolicy opens port 80 of the address of a cloud's metadata "
        "service.",
        why="Who asks it from a pod is given the node's identity in the cloud.",
        fix="""\
egress:
- to:
  - ipBlock: {cidr: 0.0.0.0/0, except: [169.254.169.254/32]}""",
        breaks="Pods that have their cloud identity from the node; use workload identity.",
    ),
)
