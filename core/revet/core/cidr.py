"""Blocks of addresses (CIDRs), read as leniently as the API server takes them.

Apart, because "everybody" can be written in many ways, and three controls must know them all.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from ipaddress import (
    IPv4Network,
    IPv6Network,
    collapse_addresses,
    ip_network,
)
from typing import Final, TypeVar

Block = TypeVar("Block", IPv4Network, IPv6Network)

#: Go's ParseCIDRSloppy drops leading zeros, in which Python sees an octal number.
_LEADING_ZEROS: Final = re.compile(r"(?<![0-9A-Fa-f:])0+(?=\d)")
_MAPPED: Final = IPv6Network("::ffff:0:0/96")


@lru_cache(maxsize=16_384)  # of an object's blocks, of which each control of each policy asks anew
def parse_block(text: str) -> IPv4Network | IPv6Network | None:
    """Read a CIDR, host bits and all; None where it is none, which the API server refuses."""
    text = text.strip()
    if "." in text:
        text = _LEADING_ZEROS.sub("", text)
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        return None
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        last = int(network.network_address) & 0xFFFFFFFF
        return IPv4Network((last, network.prefixlen - _MAPPED.prefixlen))
    return network


def is_everybody(text: str) -> bool:
    """Return whether a CIDR is all addresses of its family."""
    block = parse_block(text)
    return block is not None and not block.prefixlen


def find_everybody(texts: Iterable[str]) -> list[str]:
    """Return those of the CIDRs that make up all addresses, alone or together, as they stand."""
    blocks = {text: parse_block(text) for text in texts}
    v4 = {text: block for text, block in blocks.items() if isinstance(block, IPv4Network)}
    v6 = {text: block for text, block in blocks.items() if isinstance(block, IPv6Network)}
    return [*_all_of(v4), *_all_of(v6)]


def _all_of(blocks: Mapping[str, Block]) -> list[str]:
    alone = [text for text, block in blocks.items() if not block.prefixlen]
    if alone:
        return alone
    merged = collapse_addresses(blocks.values())
    return list(blocks) if any(not block.prefixlen for block in merged) else []
