"""The HardeningPolicy's status: what the operator has seen and done."""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import AwareDatetime, Field, ValidationError

from revet.core.model.condition import Condition
from revet.core.model.policy_runtime import Effect, Severity, Source
from revet.core.model.schema import MapList, Model, Name, Text

#: So many images a policy holds at most, with those that were released: some 16 KiB.
MOST_HELD: Final = 32
#: So many findings of an image are remembered; by the others it may be held again.
MOST_FINDINGS: Final = 8

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


class HeldImage(Model, extra="ignore"):
    """An image on the policy's watch list: something bad was seen in a container of it."""

    digest: Annotated[str, Field(max_length=136, pattern=r"^sha(256|512):[0-9a-f]{64,128}$")]
    """What the container ran; an image has it under any name and tag."""
    image: Text
    """The name by which it ran."""
    severity: Severity
    """How bad the worst of it was."""
    because: Annotated[str, Field(max_length=253)]
    """The sensor, its rule, and how bad that is: of the worst."""
    workload: Annotated[str, Field(max_length=512)]
    """Where that was, as namespace/Kind/name."""
    findings: Annotated[tuple[Text, ...], Field(max_length=MOST_FINDINGS)] = ()
    """What stands for the findings: once it is released, they do not lead to it again."""
    since: AwareDatetime
    """Since when it is held."""
    released: AwareDatetime | None = None
    """When somebody has let it go: since then it is not held."""


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
    held_images: Annotated[
        tuple[HeldImage, ...], Field(max_length=MOST_HELD), MapList("digest")
    ] = ()
    """The watch list of spec.runtime.respond: HoldImage, with what was released of it."""


def render_status(status: HardeningPolicyStatus) -> dict[str, Any]:
    """Write what is applied: all but the images that are held, which others write, too."""
    return status.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"held_images"})


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
