"""Kubernetes Events, sent in the background: nobody waits for them, and a flood is bounded."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from revet.adapters.kube import Kube, KubeError
from revet.core.model.pod import OwnerReference

_MOST_WAITING: Final = 256
_MOST_REMEMBERED: Final = 4096
_AGAIN_AFTER_S: Final = 300.0
_PAUSE_S: Final = 0.2  # anybody who reaches the webhook's port can cause Events: five a second
_LONGEST_FIELD: Final = 253
_LONGEST_NOTE: Final = 1024  # the API's own limit


@dataclass(frozen=True, slots=True)
class Notice:
    """An Event about an object in a namespace."""

    namespace: str
    about: OwnerReference
    reason: str
    note: str
    related: OwnerReference | None = None


class Recorder(Protocol):
    """Takes Events; never blocks, never fails."""

    def record(self, notice: Notice) -> None:
        """Send the Event, if it is news."""


class EventRecorder:
    """Sends Events one after another; the same one again after five minutes at the earliest."""

    def __init__(
        self,
        kube: Kube,
        component: str,
        timestamp: Callable[[], str],
        clock: Callable[[], float],
        complain: Callable[[str], None],
    ) -> None:
        """Set up; `timestamp` gives the time as RFC 3339, `clock` seconds that only rise."""
        self._kube = kube
        self._component = component
        self._timestamp = timestamp
        self._clock = clock
        self._complain = complain
        self._queue: asyncio.Queue[Notice] = asyncio.Queue(_MOST_WAITING)
        #: By a digest: whole notices, thousands of them, would be a way to fill our memory.
        self._sent: OrderedDict[int, float] = OrderedDict()

    def record(self, notice: Notice) -> None:
        """Queue an Event, unless it was sent lately or too many wait already."""
        about = notice.about
        fields = (about.api_version, about.kind, about.name, about.uid)
        if any(len(each) > _LONGEST_FIELD for each in fields):
            return  # no object that there is
        now = self._clock()
        notice = replace(notice, note=notice.note[:_LONGEST_NOTE])
        digest = hash(notice)
        if now - self._sent.get(digest, -_AGAIN_AFTER_S) < _AGAIN_AFTER_S:
            return
        try:
            self._queue.put_nowait(notice)
        except asyncio.QueueFull:
            self._complain(f"too many Events wait, one is lost: {notice.reason}")
            return
        self._sent[digest] = now
        self._sent.move_to_end(digest)
        if len(self._sent) > _MOST_REMEMBERED:
            self._sent.popitem(last=False)

    async def run(self) -> None:
        """Send what is queued, until cancelled."""
        while True:
            notice = await self._queue.get()
            try:
                path = f"/api/v1/namespaces/{notice.namespace}/events"
                await self._kube.request("POST", path, body=self._manifest(notice))
            except KubeError as error:
                self._complain(str(error))
            await asyncio.sleep(_PAUSE_S)

    def _manifest(self, notice: Notice) -> dict[str, Any]:
        about = notice.about
        now = self._timestamp()
        related = notice.related
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"generateName": f"{about.name[:200]}.", "namespace": notice.namespace},
            "involvedObject": {
                "apiVersion": about.api_version,
                "kind": about.kind,
                "name": about.name,
                "namespace": notice.namespace,
                "uid": about.uid,
            },
            **({"related": _refer(related)} if related else {}),
            "type": "Warning",
            "reason": notice.reason,
            "message": notice.note,
            "source": {"component": self._component},
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }


def _refer(about: OwnerReference) -> dict[str, str]:
    return {
        "apiVersion": about.api_version,
        "kind": about.kind,
        "name": about.name,
        "uid": about.uid,
    }
