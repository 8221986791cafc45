"""What was last found of an image that runs, and when; kept where a registry gives no answer since.

Unknown is not pass: a verdict that could not be renewed is told, and counts for nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from revet.core.model.condition import Truth
from revet.core.model.image_facts import Fault


class Result(StrEnum):
    """How it stands with a running image."""

    VERIFIED = "verified"
    FAILED = "failed"
    UNKNOWN = "unknown"
    PENDING = "pending"


@dataclass(slots=True)
class LastFound:
    """The last verdict on an image.

    Attributes:
        faults: what was wrong; None where nothing was ever told.
        at: when that was found.
        problem: why it could not be found anew since; empty where it could.

    """

    faults: tuple[Fault, ...] | None = None
    at: datetime | None = None
    problem: str = ""

    def take(self, faults: tuple[Fault, ...], now: datetime) -> None:
        """Take in what was told; one that was not told leaves the last verdict."""
        if faults and all(each.is_unknown for each in faults):
            self.problem = "; ".join(each.text for each in faults)
        else:
            self.faults, self.at, self.problem = faults, now, ""

    def result(self, since: datetime) -> Result:
        """Return how it stands; what was found before `since` counts no more."""
        if self.problem:
            return Result.UNKNOWN
        if self.faults is None or self.at is None:
            return Result.PENDING
        if self.at < since:
            return Result.UNKNOWN
        return Result.FAILED if self.faults else Result.VERIFIED

    def tell(self, since: datetime) -> tuple[Fault, ...]:
        """Return what is wrong with it, or why that can't be told, with the last verdict."""
        match self.result(since):
            case Result.VERIFIED | Result.FAILED:
                return self.faults or ()
            case Result.PENDING:
                return (Fault("it has not been verified yet", is_unknown=True),)
            case Result.UNKNOWN:
                reason = self.problem or "it was not verified for too long"
                return (Fault(f"{reason}{self._last()}", is_unknown=True),)

    def _last(self) -> str:
        if self.faults is None or self.at is None:
            return ""
        when = self.at.strftime("%Y-%m-%dT%H:%MZ")
        said = "; ".join(each.text for each in self.faults) or "all was well"
        return f"; when it was last verified, {when}: {said}"


def since(now: datetime, most_s: float) -> datetime:
    """Return how old a verdict may be."""
    return now - timedelta(seconds=most_s)


def describe(found: Iterable[tuple[str, LastFound]], since: datetime) -> tuple[Truth, str, str]:
    """Return the condition ImagesVerified: of the images, each with what was last found of it."""
    results: dict[Result, list[tuple[str, LastFound]]] = {each: [] for each in Result}
    for image, last in found:
        results[last.result(since)].append((image, last))
    number = sum(map(len, results.values()))
    unknown = _describe_unknown(results[Result.UNKNOWN], since)
    if failed := results[Result.FAILED]:
        message = f"{len(failed)} of {number} images that run are not signed or attested as it asks"
        return Truth.FALSE, "NotVerified", f"{message}{unknown and '; '}{unknown}"
    if unknown:
        return Truth.UNKNOWN, "NotTold", unknown
    if results[Result.PENDING]:
        return Truth.UNKNOWN, "Verifying", "not all images that run were verified yet"
    if not number:
        return Truth.TRUE, "NothingRuns", "no image runs of which it asks that"
    return Truth.TRUE, "Verified", f"{number} images that run are signed and attested as it asks"


def _describe_unknown(unknown: list[tuple[str, LastFound]], since: datetime) -> str:
    if not unknown:
        return ""
    # Always the same one, so that nothing is written where nothing has changed.
    image, last = min(unknown, key=lambda each: each[0])
    [fault] = last.tell(since)
    return f"{len(unknown)} could not be verified, such as {image}: {fault.text}"
