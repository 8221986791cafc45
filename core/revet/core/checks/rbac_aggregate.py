"""rbac-aggregate: what is added to view, edit and admin is no more than those mean.

Fields: labels rbac.authorization.k8s.io/aggregate-to-{view,edit,admin} and rules[*] of ClusterRoles
"""

from collections.abc import Iterator
from typing import Final

from revet.core.check import (
    Check,
    Default,
    Explanation,
    Finding,
    ItemRule,
    Parameter,
    Profiles,
)
from revet.core.grants import ANY
from revet.core.item import Item
from revet.core.model.rbac import Role
from revet.core.model.settings import Settings
from revet.core.permissions import find_grants

_LABELS: Final = tuple(
    f"rbac.authorization.k8s.io/aggregate-to-{role}" for role in ("view", "edit", "admin")
)
_HINT: Final = "bind this role by itself, to whom it is for"


def _rbac_aggregate(item: Item[Role], settings: Settings) -> Iterator[Finding]:
    labels = item.metadata.labels or {}
    if any(labels.get(label) == "true" for label in _LABELS):
        yield from find_grants("rbac-aggregate", item, settings, ANY, _HINT)


CHECK = Check(
    id="rbac-aggregate",
    title="Nothing strong comes by aggregation",
    tier=1,
    items=(ItemRule(("ClusterRole",), _rbac_aggregate),),
    profiles=Profiles(Default.WARN, Default.WARN, Default.ENFORCE),
    parameters=(
        Parameter("allow", "Roles that are not judged, as NAME, or NAMESPACE/NAME for a Role."),
    ),
    explanation=Explanation(
        what="A ClusterRole that is labelled to be added to view, edit or admin allows nothing "
        "that another control of roles finds, wildcards on the chart's own resources aside.",
        why="Everybody who holds view or edit anywhere holds it from then on, and no binding "
        "shows it.",
        fix="""\
metadata:
  labels: {}        # without rbac.authorization.k8s.io/aggregate-to-...""",
        breaks="Charts that add the rights on their own resources are not meant; those that add "
        "exec or Secrets are.",
    ),
)
