"""gateway-tls: every listener of a Gateway has TLS.

Fields: spec.listeners[*].protocol of Gateways (gateway.networking.k8s.io)
Allowed: HTTPS, TLS
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
from revet.core.item import Item
from revet.core.model.service import Gateway
from revet.core.model.settings import Settings

_WITH_TLS: Final = {"HTTPS", "TLS"}


def _gateway_tls(item: Item[Gateway], _: Settings) -> Iterator[Finding]:
    for index, listener in enumerate(item.body.spec.listeners or ()):
        if listener.protocol not in _WITH_TLS:
            yield Finding(
                "gateway-tls",
                f"/spec/listeners/{index}/protocol",
                f"protocol of {listener.name} is {listener.protocol}, must be HTTPS or TLS",
                None,
                Fix("protocol: HTTPS, with tls.certificateRefs"),
            )


CHECK = Check(
    id="gateway-tls",
    title="Gateways listen with TLS",
    tier=2,
    items=(ItemRule(("Gateway",), _gateway_tls),),
    profiles=Profiles(Default.WARN, Default.ENFORCE, Default.ENFORCE),
    explanation=Explanation(
        what="Each listener of a Gateway has the protocol HTTPS or TLS.",
        why="What goes over the network in the clear is read and changed by whoever is on the way.",
        fix="""\
listeners:
- name: https
  port: 443
  protocol: HTTPS
  tls: {certificateRefs: [{name: shop-tls}]}""",
        breaks="Listeners that only redirect to HTTPS, and those for TCP and UDP.",
    ),
)
