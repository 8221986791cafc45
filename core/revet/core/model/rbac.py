"""Roles, bindings, ServiceAccounts and token Secrets as the checks read them.

https://kubernetes.io/docs/reference/access-authn-authz/rbac/
"""

import msgspec

from revet.core.model.network_policy import Selector
from revet.core.model.wire import Wire


class PolicyRule(Wire, frozen=True, gc=False):
    """What a role allows: verbs on resources of API groups, or on URLs that are no resources."""

    verbs: tuple[str, ...] | None = None
    api_groups: tuple[str, ...] | None = None
    resources: tuple[str, ...] | None = None
    resource_names: tuple[str, ...] | None = None
    non_resource_urls: tuple[str, ...] | None = msgspec.field(name="nonResourceURLs", default=None)


class AggregationRule(Wire, frozen=True, gc=False):
    """Which ClusterRoles' rules a cluster writes into this one."""

    cluster_role_selectors: tuple[Selector, ...] | None = None


class Role(Wire, frozen=True, gc=False):
    """A Role, or a ClusterRole with the rules that aggregation has filled in."""

    rules: tuple[PolicyRule, ...] | None = None
    aggregation_rule: AggregationRule | None = None

    @property
    def selectors(self) -> tuple[Selector, ...]:
        """What selects the ClusterRoles that it takes in."""
        rule = self.aggregation_rule
        return (rule.cluster_role_selectors or ()) if rule is not None else ()


class RoleRef(Wire, frozen=True, gc=False):
    """The role that a binding gives."""

    kind: str = ""
    name: str = ""


class Subject(Wire, frozen=True, gc=False):
    """Whom a binding gives it to; a ServiceAccount has a namespace."""

    kind: str = ""
    name: str = ""
    namespace: str | None = None


class Binding(Wire, frozen=True, gc=False):
    """A RoleBinding or a ClusterRoleBinding."""

    role_ref: RoleRef = RoleRef()
    subjects: tuple[Subject, ...] | None = None


class ServiceAccount(Wire, frozen=True, gc=False):
    """A ServiceAccount; null counts as true."""

    automount_service_account_token: bool | None = None


class Secret(Wire, frozen=True, gc=False):
    """A Secret, of which nothing but the type is read."""

    type: str | None = None
