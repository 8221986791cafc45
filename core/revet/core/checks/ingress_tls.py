"""ingress-tls: every host of an Ingress is served by TLS.

Fields: spec.rules[*].host, spec.tls[*].hosts of Ingresses
Allowed: hosts that a tls item covers, by name or by a wildcard one level above; or a tls item
without hosts that names a certificate
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


def _ingress_tls(item: Item[Ingress], _: Settings) -> Iterator[Finding]:
    spec = item.body.spec
    covered = {host for tls in spec.tls or () for host in tls.hosts or ()}
    # Without hosts an item serves what its certificate is for; without that, too, nothing.
    if any(tls.secret_name and not tls.hosts for tls in spec.tls or ()):
        return
    if not spec.rules:
        yield _found("/spec/tls", "tls is not set", "HOST")
    for index, rule in enumerate(spec.rules or ()):
        host = rule.host or ""
        if host not in covered and f"*.{host.partition('.')[2]}" not in covered:
            told = f"host {host or '*'} has no certificate in spec.tls"
            yield _found(f"/spec/rules/{index}/host", told, host or "HOST")


def _found(pointer: str, message: str, host: str) -> Finding:
    fix = Fix(f"tls: [{{hosts: [{host}], secretName: NAME}}]")
    return Finding("ingress-tls", pointer, message, None, fix)


CHECK = Check(
    id="ingress-tls",
    title="Ingresses have certificates",
    tier=2,
    items=(ItemRule(("Ingress",), _ingress_tls),),
    profiles=Profiles(Default.WARN, Default.ENFORCE, Default.ENFORCE),
    explanation=Explanation(
        what="Each host of a rule is among the hosts of spec.tls, or below a wildcard there. An "
        "item of spec.tls with a secretName and without hosts stands for all of them.",
        why="What goes over the network in the clear is read and changed by whoever is on the way.",
        fix="""\
spec:
  tls:
  - {hosts: [shop.example.com], secretName: shop-tls}
  rules:
  - host: shop.example.com""",
        breaks="Set-ups where TLS ends before the Ingress; switch the control off there.",
    ),
)
