"""What the rounds of running images tell as metrics: none by pod, of which there are too many."""

from collections.abc import Callable, Mapping
from functools import partial

from prometheus_client import CollectorRegistry, Gauge

from revet.core.last_found import Result


class ImageMetrics:
    """The metrics of running images."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Make them."""
        self._images = Gauge(
            "revet_running_images",
            "Images that run and of which policies ask signatures, by what was last found "
            "(verified, failed, unknown, pending).",
            ("result",),
            registry=registry,
        )
        self._age = Gauge(
            "revet_running_images_age_seconds",
            "Seconds since that one of them was verified that waits the longest; NaN at first.",
            registry=registry,
        )
        self._age.set(float("nan"))
        self._late = Gauge(
            "revet_running_images_due", "Those of them whose turn has come.", registry=registry
        )

    def follow(
        self,
        count: Callable[[], Mapping[Result, int]],
        age_s: Callable[[], float],
        count_late: Callable[[], float],
    ) -> None:
        """Tell what these say, whenever somebody looks."""
        for each in Result:
            self._images.labels(each).set_function(partial(_count_one, count, each))
        self._age.set_function(age_s)
        self._late.set_function(count_late)


def _count_one(count: Callable[[], Mapping[Result, int]], result: Result) -> float:
    return count().get(result, 0)
