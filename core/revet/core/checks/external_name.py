"""external-name: a Service leads out of the cluster only to names that the policy knows.

Fields: spec.externalName of Services
Allowed: names at or below those that the policy names
"""

from collections.abc import Iterator

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
from revet.core.item import Item
from revet.core.model.service import Service
from revet.core.model.settings import Settings


def _external_name(item: Item[Service], settings: Settings) -> Iterator[Finding]:
    spec = item.body.spec
    name = (spec.external_name or "").rstrip(".").lower()
    if spec.type != "ExternalName" or any(
        name == each or name.endswith(f".{each}") for each in settings.allow
    ):
        return
    yield Finding(
        "external-name",
        "/spec/externalName",
        f"externalName {name} is none that the policy names",
        None,
        Fix("ask for the domain in the policy's allow"),
    )


CHECK = Check(
    id="external-name",
    title="External names are known",
    tier=2,
    items=(ItemRule(("Service",), _external_name),),
    profiles=Profiles(Default.WARN, Default.WARN, Default.ENFORCE),
    parameters=(
        Parameter("allow", "Domains that may be led to, with all below them, such as example.com."),
    ),
    explanation=Explanation(
        what="A Service of type ExternalName leads to a domain that the policy names, or below it.",
        why="Who may make one has the cluster's clients talk to a server of their choice, under a "
        "name that they trust.",
        fix="""\
spec:
  type: ExternalName
  externalName: db.example.com      # with allow: [example.com]""",
        breaks="Aliases for databases outside; name their domains.",
    ),
)
