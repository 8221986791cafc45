"""`spec.namespaces`: the baselines that are written into each selected namespace."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from revet.core.model.policy_network import Switch
from revet.core.model.schema import Expects, Model, Text, rule

# As resource.Quantity is written, and as controller-gen writes its pattern.
QUANTITY = (
    r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))"
    r"(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$"
)
Quantity = Annotated[
    int | Annotated[str, Field(min_length=1, max_length=64, pattern=QUANTITY)],
    Expects("a quantity such as 500m or 2Gi"),
    Field(
        json_schema_extra={"x-kubernetes-int-or-string": True, "maxLength": 64, "pattern": QUANTITY}
    ),
]
Resources = Annotated[Mapping[str, Quantity], Field(max_length=64)]


class Level(StrEnum):
    """The levels of the Pod Security Standards."""

    PRIVILEGED = "privileged"
    BASELINE = "baseline"
    RESTRICTED = "restricted"


class Drift(StrEnum):
    """What happens to foreign edits of what was written."""

    CORRECT = "Correct"
    REPORT = "Report"


class PodSecurity(Model):
    """The Pod Security labels of the namespace."""

    enforce: Level | None = None
    """The level that the in-tree plugin enforces; written only where the policy enforces."""
    warn: Level | None = None
    """The level that the in-tree plugin warns about."""
    audit: Level | None = None
    """The level that the in-tree plugin notes in the audit log."""


class ScopeRequirement(Model):
    """One requirement of a ResourceQuota's scope selector."""

    scope_name: Text
    """The scope's name."""
    operator: Text
    """In, NotIn, Exists or DoesNotExist."""
    values: Annotated[tuple[Text, ...], Field(max_length=32)] = ()
    """The values to compare with."""


class ScopeSelector(Model):
    """Which objects a ResourceQuota counts."""

    match_expressions: Annotated[tuple[ScopeRequirement, ...], Field(max_length=16)] = ()
    """The requirements, all of which must hold."""


class ResourceQuota(Model):
    """A ResourceQuotaSpec."""

    hard: Resources = Field(default={})
    """The limit for each resource."""
    scopes: Annotated[tuple[Text, ...], Field(max_length=16)] = ()
    """The scopes that are counted."""
    scope_selector: ScopeSelector | None = None
    """Further scopes that are counted."""


class Limits(Model):
    """The limits of one kind of object, as a LimitRangeItem."""

    type: Text
    """Container, Pod or PersistentVolumeClaim."""
    max: Resources = Field(default={})
    """The most that may be asked for."""
    min: Resources = Field(default={})
    """The least that must be asked for."""
    default: Resources = Field(default={})
    """The limit of who states none."""
    default_request: Resources = Field(default={})
    """The request of who states none."""
    max_limit_request_ratio: Resources = Field(default={})
    """How many times the request the limit may be."""


class LimitRange(Model):
    """A LimitRangeSpec."""

    limits: Annotated[tuple[Limits, ...], Field(min_length=1, max_length=8)]
    """The limits for each kind of object."""


class ServiceAccounts(Model):
    """What is written into the ServiceAccount `default`."""

    automount_token: bool | None = None
    """Whether pods get its token mounted; only false may be asked for. Default: left as it is."""

    @rule(
        "!has(self.automountToken) || !self.automountToken",
        "must be false: true is what Kubernetes does by itself, and nothing is written for it",
        "automountToken",
    )
    def only_takes_away(self) -> bool:
        """Tell whether it does not ask for the token to be mounted."""
        return not self.automount_token


class Namespaces(Model):
    """What every selected namespace gets."""

    mode: Switch = Switch.AUDIT
    """Audit (default): reported only, nothing is written. Enforce: written and kept."""
    pod_security: PodSecurity | None = None
    """The Pod Security labels. Default: none are written."""
    resource_quota: ResourceQuota | None = None
    """A ResourceQuota's spec. Default: none is written."""
    limit_range: LimitRange | None = None
    """A LimitRange's spec. Default: none is written."""
    service_accounts: ServiceAccounts | None = None
    """What is written into the ServiceAccount `default`. Default: nothing."""
    drift: Drift = Drift.CORRECT
    """Correct (default): foreign edits are undone. Report: only told."""

    @property
    def asks_for_something(self) -> bool:
        """Whether anything is to be written at all."""
        parts = (self.pod_security, self.resource_quota, self.limit_range, self.service_accounts)
        return any(part is not None for part in parts)
