"""`spec.runtime`: which events of runtime sensors concern the policy, and what follows."""

from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field

from revet.core.model.schema import Duration, MapList, Model, Name, Text, rule

Globs = Annotated[tuple[Text, ...], Field(max_length=64)]


class Source(StrEnum):
    """The sensors that can be heard."""

    FALCO = "falco"
    TETRAGON = "tetragon"
    K8S_AUDIT = "k8s-audit"


class Severity(StrEnum):
    """How bad an event is, least first."""

    INFO = "info"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class Effect(StrEnum):
    """What a sensor did about an event, least first."""

    OBSERVED = "observed"
    DENIED = "denied"
    KILLED = "killed"


class Action(StrEnum):
    """What can follow from an event."""

    QUARANTINE = "Quarantine"
    HOLD_IMAGE = "HoldImage"


class NewPods(StrEnum):
    """What is done about new pods of an image that is held."""

    WARN = "Warn"
    DENY = "Deny"


class EventRule(Model):
    """Which events count: those that fit all that is said here."""

    name: Name
    """The name that messages use."""
    sources: Annotated[tuple[Source, ...], Field(max_length=3)] = ()
    """The sensors: falco, tetragon, k8s-audit. Default: all."""
    rule_names: Globs = ()
    """Globs of the sensor's rule names. Default: any."""
    tags: Globs = ()
    """Tags of which the event must have one. Default: any event."""
    tetragon_policies: Globs = ()
    """Globs of Tetragon's TracingPolicy names. Default: any."""
    min_severity: Severity = Severity.MEDIUM
    """The least severity that counts. Default: medium."""


#: What `maxPods` and `maxPercent` are by themselves.
_ONE_POD: Final = (1, 10)


class Response(Model):
    """What is done to a pod of which an event was seen, or about its image."""

    action: Action
    """Quarantine: no connection of the pod remains, until somebody releases it. HoldImage: new pods
    of the image that its container runs are warned about, or denied.
    """
    min_severity: Severity = Severity.HIGH
    """The least severity that leads to it. Default: high."""
    max_pods: Annotated[int, Field(ge=1, le=1000)] = 1
    """Of Quarantine: at most so many pods of a workload. Default: 1."""
    max_percent: Annotated[int, Field(ge=1, le=100)] = 10
    """Of Quarantine: at most this share of a workload's pods, in percent, rounded up. Default: 10.
    """
    new_pods: NewPods = NewPods.WARN
    """Of HoldImage: Warn (default) or Deny, below the policy's enforcement. Templates are warned
    about.
    """

    @rule(
        "self.action == 'Quarantine' || self.maxPods == 1 && self.maxPercent == 10",
        "maxPods and maxPercent are about Quarantine",
        "action",
    )
    def bounds_pods_where_pods_are_meant(self) -> bool:
        """Tell whether nothing is said of pods, where it is the image that something is done to."""
        return self.action is Action.QUARANTINE or (self.max_pods, self.max_percent) == _ONE_POD

    @rule(
        "self.action == 'HoldImage' || self.newPods == 'Warn'",
        "newPods is about HoldImage",
        "newPods",
    )
    def judges_new_pods_by_their_image(self) -> bool:
        """Tell whether nothing is said of new pods, where it is one pod that is meant."""
        return self.action is Action.HOLD_IMAGE or self.new_pods is NewPods.WARN


class Runtime(Model):
    """What runtime sensors report, as conditions of the policy."""

    rules: Annotated[tuple[EventRule, ...], Field(max_length=32), MapList("name")] = ()
    """Which events count. Default: all of at least medium severity that are not routine."""
    clear_after: Duration = "1h"
    """How long it must be quiet until RuntimeViolations turns False. Default: 1h."""
    sensor_timeout: Duration = "15m"
    """After how long without a sign of life a sensor counts as silent. Default: 15m."""
    respond: Annotated[tuple[Response, ...], Field(max_length=2), MapList("action")] = ()
    """What is done to the pods, or about their images. Quarantine needs the chart's
    operator.quarantine, too. Default: nothing.
    """

    def response(self, action: Action) -> Response | None:
        """Return what is said of an action; None where it is not asked for."""
        return next((each for each in self.respond if each.action is action), None)
