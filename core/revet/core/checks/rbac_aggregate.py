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
from revet.core.checks.rbac_admission_config import GRANTS as ADMISSION_CONFIG
from revet.core.checks.rbac_csr import GRANTS as CSR
from revet.core.checks.rbac_ephemeral_containers import GRANTS as EPHEMERAL_CONTAINERS
from revet.core.checks.rbac_escalate_bind import GRANTS as ESCALATE_BIND
from revet.core.checks.rbac_exec import GRANTS as EXEC
from revet.core.checks.rbac_impersonate import GRANTS as IMPERSONATE
from revet.core.checks.rbac_namespace_write import GRANTS as NAMESPACE_WRITE
from revet.core.checks.rbac_node_proxy import GRANTS as NODE_PROXY
from revet.core.checks.rbac_pv_create import GRANTS as PV_CREATE
from revet.core.checks.rbac_secrets_read import GRANTS as SECRETS_READ
from revet.core.checks.rbac_token_request import GRANTS as TOKEN_REQUEST
from revet.core.checks.rbac_workload_write import GRANTS as WORKLOAD_WRITE
from revet.core.item import Item
from revet.core.model.rbac import Role
from revet.core.model.settings import Settings
from revet.core.permissions import find_grants

_LABELS: Final = tuple(
    f"rbac.authorization.k8s.io/aggregate-to-{role}" for role in ("view", "edit", "admin")
)
# Not those of rbac-wildcards: a chart may well give everything on its own resources.
GRANTS: Final = (
    *ADMISSION_CONFIG,
    *CSR,
    *EPHEMERAL_CONTAINERS,
    *ESCALATE_BIND,
    *EXEC,
    *IMPERSONATE,
    *NAMESPACE_WRITE,
    *NODE_PROXY,
    *PV_CREATE,
    *SECRETS_READ,
    *TOKEN_REQUEST,
    *WORKLOAD_WRITE,
)
_HINT: Final = "bind this role by itself, to whom it is for"


def _rbac_aggregate(item: Item[Role], settings: Settings) -> Iterator[Finding]:
    labels = item.metadata.labels or {}
    if any(labels.get(label) == "true" for label in _LABELS):
        yield from find_grants("rbac-aggregate", item, settings, GRANTS, _HINT)


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
