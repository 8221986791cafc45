"""netpol-metadata: no NetworkPolicy opens the cloud's metadata service.

Fields: spec.egress[*].{to[*].ipBlock,ports} of NetworkPolicies
Allowed: blocks without 169.254.169.254, or with it excepted; ports other than 80
"""

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address
from typing import Final, TypeAlias

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

_Address: TypeAlias = IPv4Address | IPv6Address
#: The metadata services of AWS, Azure and Google, and of AWS by IPv6.
_ADDRESSES: Final = (IPv4Address("169.254.169.254"), IPv6Address("fd00:ec2::254"))


#: It is served by HTTP alone.
_PORT: Final = 80


def _netpol_metadata(item: Item[NetworkPolicy], _: Settings) -> Iterator[Finding]:
    for index, rule in enumerate(item.body.spec.egress_in_force):
        if not _has_port(rule.ports):
            continue
        if not rule.peers:
            told = "to names nobody: the metadata service too"
            yield _found(f"/spec/egress/{index}", told, _ADDRESSES)
        for at, peer in enumerate(rule.peers or ()):
            reached = _reached(peer.ip_block) if peer.ip_block is not None else []
            if peer.ip_block is not None and reached:
                place = f"/spec/egress/{index}/to/{at}/ipBlock"
                yield _found(place, f"{peer.ip_block.cidr} holds the metadata service", reached)


def _has_port(ports: tuple[PolicyPort, ...] | None) -> bool:
    """Return whether the ports of a rule hold that of the service; named ones are pods' own."""
    return not ports or any(
        each.port is None
        or (isinstance(each.port, int) and each.port <= _PORT <= (each.end_port or each.port))
        for each in ports
        if each.protocol in {None, "TCP"}
    )


def _reached(block: IPBlock) -> list[_Address]:
    """Return the addresses of the service that a block holds."""
    reached = _held(block.cidr, _ADDRESSES)
    for each in (block.excluded or ()) if reached else ():
        held = _held(each, reached)
        reached = [address for address in reached if address not in held]
    return reached


def _held(cidr: str, addresses: Iterable[_Address]) -> list[_Address]:
    block = parse_block(cidr)
    return [] if block is None else [address for address in addresses if address in block]


def _found(pointer: str, message: str, reached: Iterable[_Address]) -> Finding:
    blocks = ", ".join(f"{address}/{address.max_prefixlen}" for address in reached)
    fix = Fix(f"name the addresses that are needed, or at least except: [{blocks}]")
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
  - ipBlock: {cidr: 203.0.113.0/24}
# or, where netpol-too-wide has the NetworkPolicy in its allow:
- to:
  - ipBlock: {cidr: 0.0.0.0/0, except: [169.254.169.254/32]}""",
        breaks="Pods that have their cloud identity from the node; use workload identity.",
    ),
)
