"""ingress-wildcard: no Ingress takes every host.

Fields: spec.rules[*].host of Ingresses
Allowed: names; no empty one, none with a wildcard
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
from revet.core.model.service import Ingress
from revet.core.model.settings import Settings


def _ingress_wildcard(item: Item[Ingress], _: Settings) -> Iterator[Finding]:
    if item.body.spec.default_backend is not None and not item.body.spec.rules:
        yield _found("/spec/defaultBackend", "defaultBackend without rules takes every host")
    for index, rule in enumerate(item.body.spec.rules or ()):
        host = rule.host or ""
        if not host or "*" in host:
            told = f"host is {host}" if host else "host is not set"
            yield _found(f"/spec/rules/{index}/host", f"{told}, must be a name")


def _found(pointer: str, message: str) -> Finding:
    return Finding("ingress-wildcard", pointer, message, None, Fix("host: shop.example.com"))


CHECK = Check(
    id="ingress-wildcard",
    title="Ingresses name their hosts",
    tier=2,
    items=(ItemRule(("Ingress",), _ingress_wildcard),),
    profiles=Profiles(Default.WARN, Default.WARN, Default.ENFORCE),
    explanation=Explanation(
        what="Every rule of an Ingress names its host, without a wildcard, and there is no "
        "Ingress with nothing but a default backend.",
        why="A rule for every host takes the traffic of names that belong to others.",
        fix="""\
rules:
- host: shop.example.com""",
        breaks="Front doors for many tenants under one wildcard.",
    ),
)
