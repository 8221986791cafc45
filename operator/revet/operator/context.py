"""What every part of the operator is given: made once in main, passed on, never global."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from revet.adapters.events import EventRecorder
from revet.adapters.kube import Kube
from revet.adapters.log import Log
from revet.adapters.objects import Objects
from revet.operator.feeds import Feeds
from revet.operator.metrics import Metrics
from revet.operator.picture import Picture
from revet.operator.queue import Queue
from revet.operator.settings import Settings
from revet.operator.surveyor import Surveyor
from revet.operator.writer import Writer


@dataclass(frozen=True, slots=True)
class Context:
    """The operator's means.

    Attributes:
        settings: what the process was told.
        kube: requests to the API server.
        objects: objects, read and written through it.
        picture: what was seen.
        queue: what is to be looked at again.
        statuses: which policies' status may have changed.
        writer: writes what does not stand.
        metrics: what is counted.
        log: one JSON object a line.
        feeds: watches of what several parts read.
        surveyor: what NetworkPolicies depend on.
        now: the time, with its zone.
        recorder: sends Events.

    """

    settings: Settings
    kube: Kube
    objects: Objects
    picture: Picture
    queue: Queue
    statuses: Queue
    writer: Writer
    metrics: Metrics
    log: Log
    feeds: Feeds
    surveyor: Surveyor
    now: Callable[[], datetime]
    recorder: EventRecorder
