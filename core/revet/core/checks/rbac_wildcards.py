"""rbac-wildcards: no role may allow everything of something.

Fields: rules[*].{verbs,resources,apiGroups} of Roles and ClusterRoles
Allowed: names, no `*`, no `pods/*`, no `*/exec`
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
    Parameter,
    Profiles,
)
from revet.core.item import Item
from revet.core.model.rbac import Role
from revet.core.model.settings import Settings
from revet.core.permissions import ROLES, find_unseen, judged_rules

_ID: Final = "rbac-wildcards"


def _rbac_wildcards(item: Item[Role], settings: Settings) -> Iterator[Finding]:
    found = False
    for rights in judged_rules(item, settings):
        rule, is_own = rights.rule, not rights.origin
        parts = (
            ("verbs", rule.verbs),
            ("resources", rule.resources),
            ("apiGroups", rule.api_groups),
        )
        for field, values in parts:
            wild = [value for value in values or () if "*" in value]
            if wild:
                found = True
                yield Finding(
                    _ID,
                    f"{rights.pointer}/{field}" if is_own else rights.pointer,
                    f"{rights.origin}{field} has {', '.join(wild)}, must name what it means",
                    None,
                    Fix(f"list the {field} that are used"),
                )
    if not found:
        yield from find_unseen(_ID, item, settings)


CHECK = Check(
    id=_ID,
    title="No wildcards in roles",
    tier=1,
    items=(ItemRule(ROLES, _rbac_wildcards),),
    profiles=Profiles(Default.AUDIT, Default.WARN, Default.ENFORCE),
    parameters=(
        Parameter("allow", "Roles that are not judged, as NAME, or NAMESPACE/NAME for a Role."),
    ),
    explanation=Explanation(
        what="Verbs, resources and API groups of a rule are listed by name; none has a * in it.",
        why="A wildcard gives what comes later too: the next CustomResource, the next "
        "subresource, the next verb that means running commands.",
        fix="""\
rules:
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, list, watch]""",
        breaks="Operators and controllers that ask for it; name their roles in allow, with a "
        "reason.",
    ),
    supports=(
        ("CIS Kubernetes 1.10", "5.1.3"),
        ("NIST 800-190", "4.3.1"),
    ),
)
