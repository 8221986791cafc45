"""What the canary's pods tell of the network: read of their status alone, and never guessed.

The client makes a connection to the server before there is any NetworkPolicy, and then again and
again, while one denies it and allows another to the same pod.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from revet.core.canary_exit import Exit
from revet.core.model.condition import Truth
from revet.core.model.meta import Manifest

#: The containers of the client, in their order.
CONTROL: Final = "control"
COMPARE: Final = "compare"

_AGAIN: Final = timedelta(days=1)
#: Where nothing could be said.
_AGAIN_UNKNOWN: Final = timedelta(hours=1)
_EARLIER: Final = ", before the last change"
_TRIED: Final = re.compile(rf"; tried at (\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\dZ)({_EARLIER})?$")
_FORMAT: Final = "%Y-%m-%dT%H:%M:%SZ"
_PULLING: Final = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName"}
)
_STARTING: Final = frozenset({"ContainerCreating", "PodInitializing"})
_MOST_WORDS: Final = 200
_ENDED: Final = frozenset({"Succeeded", "Failed"})


class Verdict(NamedTuple):
    """What a condition is to say."""

    truth: Truth
    reason: str
    text: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a try has shown, and when."""

    shown: Verdict
    at: datetime

    def tell(self, *, is_earlier: bool = False) -> Verdict:
        """Return what the condition says: also by this it is known when to try again."""
        tried = self.at.astimezone(UTC).strftime(_FORMAT)
        text = f"{self.shown.text}; tried at {tried}{_EARLIER if is_earlier else ''}"
        return self.shown._replace(text=text)

    def is_due(self, now: datetime) -> bool:
        """Tell whether to try again: once a day, sooner where nothing could be said."""
        wait = _AGAIN_UNKNOWN if self.shown.truth is Truth.UNKNOWN else _AGAIN
        return not timedelta() <= now - self.at < wait


class Recalled(NamedTuple):
    """An outcome that a status tells of; an earlier one is of before the policy was changed."""

    outcome: Outcome
    is_earlier: bool


def recall(status: Manifest, now: datetime) -> Recalled | None:
    """Return the last outcome that a policy's status tells of, None where it tells of none."""
    for each in _items(status, "conditions"):
        said = _TRIED.search(each.get("message") or "")
        if each.get("type") != "NetworkEnforced" or said is None:
            continue
        at = datetime.strptime(said[1], _FORMAT).replace(tzinfo=UTC)
        text = each["message"][: said.start()]
        # From the future is nothing that we have written.
        if at <= now:
            outcome = Outcome(Verdict(Truth(each["status"]), each["reason"], text), at)
            return Recalled(outcome, said[2] is not None)
    return None


def read_address(pod: Manifest) -> str:
    """Return the address of a pod whose container runs, empty where that is not so."""
    running = [each for each in _states(pod) if "running" in _map(each, "state")]
    return str(_map(pod, "status").get("podIP") or "") if running else ""


def read_exit(pod: Manifest, container: str) -> int | None:
    """Return what a container ended with, None where it has not ended."""
    for each in _states(pod):
        ended: Manifest | None = _map(each, "state").get("terminated")
        if each.get("name") == container and ended is not None:
            code: object = ended.get("exitCode")
            return code if isinstance(code, int) else -1
    return None


def read_words(pod: Manifest, container: str | None = None) -> str:
    """Return how a container ended and its last words; of a pod the first that ended so."""
    for each in _states(pod):
        ended = _map(_map(each, "state"), "terminated")
        if ended.get("exitCode") and container in {None, each.get("name")}:
            lines = str(ended.get("message") or ended.get("reason") or "").split("\n")
            words = [line.strip() for line in lines if line.strip()]
            said = f": {words[-1][:_MOST_WORDS]}" if words else ""
            return f"{each.get('name')} ended with {ended['exitCode']}{said}"
    return ""


def has_ended(pod: Manifest) -> bool:
    """Tell whether nothing will come of a pod any more."""
    return _map(pod, "status").get("phase") in _ENDED


def judge(code: int | None, words: str = "") -> Verdict:
    """Say what the end of the comparison shows; words are those of a client that failed."""
    if code == Exit.SHOWN:
        text = "a connection that a NetworkPolicy denies was dropped, beside one that it allows"
        return Verdict(Truth.TRUE, "Dropped", text)
    if code == Exit.THROUGH:
        text = "a NetworkPolicy denies a connection, and it was made all the same: none holds here"
        return Verdict(Truth.FALSE, "NotDropped", text)
    if code == Exit.UNCLEAR:
        return unknown("ControlFailed", "the connection that is allowed was not made any more")
    return _client_failed(code, words)


def judge_control(code: int | None, words: str = "") -> Verdict | None:
    """Say what is wrong where the connection without a NetworkPolicy was not made."""
    if code == Exit.SHOWN:
        return None
    if code == Exit.UNCLEAR:
        text = "without any NetworkPolicy of ours no connection was made between two pods"
        return unknown("ControlFailed", text)
    # It says nothing of a connection: it may not even have been started.
    return _client_failed(code, words)


def _client_failed(code: int | None, words: str) -> Verdict:
    return unknown(
        "ClientFailed", f"the canary's client failed: {words or f'it ended with {code}'}"
    )


def find_obstacle(pod: Manifest | None, role: str) -> Verdict:
    """Say why nothing has come of a pod, as far as its status tells."""
    if pod is None:
        return unknown("Deleted", f"somebody has deleted the canary's {role}")
    status = _map(pod, "status")
    for each in _items(status, "conditions"):
        if each.get("type") == "PodScheduled" and each.get("status") == "False":
            why = each.get("message") or each.get("reason") or "no reason is given"
            return unknown("NotScheduled", f"the canary's {role} could not be scheduled: {why}")
    if has_ended(pod):
        why = status.get("message") or status.get("reason") or read_words(pod)
        why = why or "no reason is given"
        return unknown("PodFailed", f"the canary's {role} has ended: {why}")
    for each in _states(pod):
        waiting = _map(_map(each, "state"), "waiting")
        reason: str = waiting.get("reason") or ""
        if reason and reason not in _STARTING:
            why = f"{reason}: {waiting['message']}" if waiting.get("message") else reason
            if reason in _PULLING:
                text = f"the image of the canary's {role} could not be pulled: {why}"
                return unknown("ImageNotPulled", text)
            return unknown("NotStarted", f"the canary's {role} could not be started: {why}")
    phase = status.get("phase") or "Pending"
    # What hinders a sandbox or a volume is in no status.
    place = _map(pod, "metadata").get("namespace") or "its namespace"
    more = f"; Events in {place} may say why" if phase == "Pending" else ""
    text = f"the canary's {role} was still {phase} when its time was over{more}"
    return unknown("TimedOut", text)


def unknown(reason: str, text: str) -> Verdict:
    """Say why nothing can be said."""
    return Verdict(Truth.UNKNOWN, reason, text)


def _states(pod: Manifest) -> Iterator[Manifest]:
    status = _map(pod, "status")
    for key in ("initContainerStatuses", "containerStatuses"):
        yield from _items(status, key)


def _map(manifest: Manifest, key: str) -> Manifest:
    found: Manifest = manifest.get(key) or {}
    return found


def _items(manifest: Manifest, key: str) -> list[Manifest]:
    found: list[Manifest] = manifest.get(key) or []
    return found
