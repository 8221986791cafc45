"""The HardeningPolicy's status: what the operator has seen and done."""

from typing import Annotated

from pydantic import Field

from revet.core.model.condition import Condition
from revet.core.model.schema import MapList, Model, Name, Text

Count = Annotated[int, Field(ge=0)]


class Counts(Model, extra="ignore"):
    """How much the policy selects, and what of it is not as it says."""

    namespaces: Count = 0
    """The namespaces that are selected."""
    workloads: Count = 0
    """The workloads that were audited. Other objects count only below, where they are found."""
    would_be_denied: Count = 0
    """Those of them that would be denied if the policy's enforcement were Enforce."""
    non_compliant: Count = 0
    """Those of them with at least one finding."""
    not_checked: Count = 0
    """Those of them that some control could not judge, for want of another object."""


class TopFinding(Model, extra="ignore"):
    """One of the findings that concern most."""

    control: Name
    """The control's id."""
    namespace: Annotated[str, Field(max_length=253)] = ""
    """The workload's namespace; empty for what is in none."""
    workload: Text
    """The workload, or another object, as Kind/name."""
    message: Annotated[str, Field(max_length=1024)]
    """What was found, and what is allowed."""


class HardeningPolicyStatus(Model, extra="ignore"):
    """What was seen of the policy's effect. A newer version may write more, which is ignored."""

    observed_generation: Count = 0
    """The metadata.generation that this status is about."""
    conditions: Annotated[tuple[Condition, ...], Field(max_length=32), MapList("type")] = ()
    """Accepted, Ready, Enforcing, NetworkIsolated, NetworkEnforced, BaselineApplied, Compliant,
    RuntimeViolations, RuntimeFeedHealthy, Drifted, Conflicting and BreakGlass.
    """
    counts: Counts | None = None
    """How much the policy selects, and what of it is not as it says."""
    top_findings: Annotated[tuple[TopFinding, ...], Field(max_length=10)] = ()
    """At most ten findings; all of them are in the reports."""
    runtime: Annotated[str, Field(max_length=253)] | None = None
    """What the runtime sensors report, in a few words."""
