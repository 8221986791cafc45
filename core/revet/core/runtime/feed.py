"""Whether the sensors are heard, and what was lost on the way: silence is not safety."""

from collections.abc import Iterable
from enum import StrEnum

import msgspec

from revet.core.model.policy_runtime import Source


class Loss(StrEnum):
    """Why events did not get through."""

    #: By the sensor: its buffers were full, or its limits were reached.
    SENSOR = "sensor"
    #: By us, since they came too fast.
    QUEUE_FULL = "queue-full"
    RATE_LIMIT = "rate-limit"
    #: What came could not be read.
    MALFORMED = "malformed"
    TOO_LARGE = "too-large"
    #: No pod was found for it.
    UNATTRIBUTED = "unattributed"
    #: Sender, node and pod do not belong together.
    MISMATCH = "mismatch"


class Lost(msgspec.Struct):
    """What was lost of one sensor's events for one reason: how often, when last, and where."""

    source: Source
    reason: Loss
    count: int = 0
    last: float = 0.0
    node: str = ""


class FeedReport(msgspec.Struct):
    """The feed as one process has seen it: when each sensor was last heard, and what was lost."""

    heard: dict[Source, float] = {}
    lost: list[Lost] = []


class Feed:
    """Notes signs of life and losses."""

    def __init__(self) -> None:
        self._heard: dict[Source, float] = {}
        self._lost: dict[tuple[Source, Loss], Lost] = {}

    def hear(self, source: Source, now: float) -> None:
        """Note that a sensor was heard; `now` is when it came, whatever the event says."""
        self._heard[source] = max(now, self._heard.get(source, 0.0))

    def lose(
        self, source: Source, reason: Loss, now: float, node: str = "", count: int = 1
    ) -> None:
        """Note that events were lost."""
        lost = self._lost.setdefault((source, reason), Lost(source, reason))
        lost.count += count
        lost.last = max(now, lost.last)
        lost.node = node or lost.node

    def report(self) -> FeedReport:
        """Return all of it."""
        return FeedReport(dict(self._heard), list(self._lost.values()))


def join_reports(reports: Iterable[FeedReport]) -> FeedReport:
    """Put together what several processes have seen."""
    joined = Feed()
    for report in reports:
        for source, at in report.heard.items():
            joined.hear(source, at)
        for each in report.lost:
            joined.lose(each.source, each.reason, each.last, each.node, each.count)
    return joined.report()
