"""The HardeningPolicy's status: what the operator has seen and done."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AwareDatetime, Field, ValidationError

from revet.core.model.condition import Condition
from revet.core.model.policy_runtime import Effect, Severity, Source
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


class RuntimeFinding(Model, extra="ignore"):
    """One of the findings of runtime sensors that concern most."""

    source: Source
    """The sensor: falco, tetragon or k8s-audit."""
    rule: Text
    """The sensor's rule."""
    severity: Severity
    """How bad it is."""
    effect: Effect = Effect.OBSERVED
    """What the sensor did about it."""
    namespace: Annotated[str, Field(max_length=253)] = ""
    """The workload's namespace; empty for what is in none."""
    kind: Annotated[str, Field(max_length=253)] = ""
    """The workload's kind, such as Deployment; of what is no pod, its resource."""
    workload: Annotated[str, Field(max_length=253)] = ""
    """The workload's name."""
    count: Annotated[str, Field(max_length=8)] = "1"
    """About how many events: 1, 2-9, 10-99 or 100+."""
    first_seen: AwareDatetime
    """When the first of them happened."""
    last_seen: AwareDatetime
    """When the newest of them had happened when this was written, at most once a minute."""


class HardeningPolicyStatus(Model, extra="ignore"):
    """What was seen of the policy's effect. A newer version may write more, which is ignored."""

    observed_generation: Count = 0
    """The metadata.generation that this status is about."""
    conditions: Annotated[tuple[Condition, ...], Field(max_length=32), MapList("type")] = ()
    """Accepted, Ready, Enforcing, NetworkIsolated, NetworkEnforced, BaselineApplied, SignersUsable,
    ImagesVerified, Compliant, RuntimeViolations, RuntimeFeedHealthy, Drifted, Conflicting and
    BreakGlass.
    """
    counts: Counts | None = None
    """How much the policy selects, and what of it is not as it says."""
    top_findings: Annotated[tuple[TopFinding, ...], Field(max_length=10)] = ()
    """At most ten findings; all of them are in the reports."""
    runtime: Annotated[str, Field(max_length=253)] | None = None
    """What the runtime sensors report, in a few words."""
    runtime_findings: Annotated[tuple[RuntimeFinding, ...], Field(max_length=10)] = ()
    """At most ten findings of runtime sensors, the most severe and newest."""


def parse_status(status: Mapping[str, Any] | None) -> HardeningPolicyStatus | None:
    """Read a status that stands; None where there is none, or one that somebody else has written.

    Ours comes in its place.
    """
    if not status:
        return None
    try:
        return HardeningPolicyStatus.model_validate_json(json.dumps(status))
    except ValidationError:
        return None
