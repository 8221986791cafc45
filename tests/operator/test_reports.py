"""Which reports are written, and when; tests/core has what they say, e2e that they are accepted."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import pytest

from revet.adapters.kube import Collection, Kube, KubeError, WatchEvent
from revet.core.audit import Found, Record
from revet.core.ledger import Ledger
from revet.core.model.meta import Manifest
from revet.operator import reports
from revet.operator.context import Context
from revet.operator.reports import Reports
from tests.operator.test_writer import Written
from tests.support.manifests import namespace, policy
from tests.webhook.harness import until

PLACE = ("Pod", "web")
BAD = Found("run-as-non-root", "runAsNonRoot is not set", would_deny=True, is_unknown=False)
WORSE = BAD._replace(control="host-namespaces")


class Server(Kube):
    """An API server that serves some APIs of reports, and tells of reports what a test says."""

    def __init__(self, kube: Kube, served: Sequence[str]) -> None:
        super().__init__(kube.client)
        self.served = served
        self.there: list[bytes] = []
        self._events: asyncio.Queue[WatchEvent] = asyncio.Queue()

    async def request(self, method: str, path: str, *_: object, **__: object) -> bytes:
        """Say whether an API is served."""
        if path.removeprefix("/apis/") in self.served:
            return b"{}"
        raise KubeError(f"{method} {path}: not found", 404)

    async def list(
        self, collection: Collection, trim: Callable[[bytes], bytes] = bytes
    ) -> tuple[Sequence[bytes], str]:
        """Give what there is."""
        assert collection.metadata_only
        return [trim(each) for each in self.there], "1"

    async def watch(self, *_: object) -> AsyncIterator[WatchEvent]:
        """Give what a test tells."""
        while True:
            yield await self._events.get()

    def is_heard(self) -> bool:
        """Tell whether all that was told was taken."""
        return self._events.empty()

    def tell(self, event: str, manifest: Manifest, **metadata: object) -> None:
        """Have the watch tell of a report."""
        told = {"metadata": {**manifest["metadata"], **metadata}}
        self._events.put_nowait(WatchEvent(event, msgspec.Raw(json.dumps(told).encode())))


class Kept(Written):
    """Objects that keep what was applied."""

    def __init__(self) -> None:
        super().__init__()
        self.applied: list[Manifest] = []

    async def apply(self, manifest: Manifest, subresource: str = "") -> Manifest:
        """Keep it, with a generation."""
        live = await super().apply(manifest, subresource)
        live["metadata"]["generation"] = len(self.done)
        self.applied.append(live)
        return live


@dataclass
class Desk:
    """Reports with their surroundings."""

    context: Context
    server: Server
    objects: Kept
    ledger: Ledger = field(default_factory=Ledger)

    def __post_init__(self) -> None:
        """Set up."""
        self.reports = Reports(
            replace(self.context, kube=self.server, objects=self.objects), self.ledger
        )

    def find(self, *found: Found, home: str = "shop") -> None:
        """Have the audit find something, or nothing."""
        record = Record("strict", "k", "v1", "Pod/web", True, found)
        for each in self.ledger.put(home, PLACE, [record]):
            self.reports.mark(each, home)

    def told(self) -> list[list[str]]:
        """Return the rules in each report that was written."""
        return [[each["rule"] for each in made["results"]] for made in self.objects.applied]


def _stamp(manifest: Manifest) -> Manifest:
    manifest["metadata"] |= {"uid": "u", "resourceVersion": "1", "generation": 1}
    return manifest


@pytest.fixture
async def desk(
    context: Context, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> AsyncIterator[Desk]:
    for name, value in (("_SETTLE_S", 0.0), ("_PACE_S", 0.001), ("_APART_S", 0.2)):
        monkeypatch.setattr(reports, name, value)
    context.picture.see_policy(_stamp(policy("strict", {"tier": "prod"})), gone=False)
    context.picture.see_namespace(_stamp(namespace("shop", {"tier": "prod"})), gone=False)
    served: Any = getattr(request, "param", ["openreports.io/v1alpha1"])
    made = Desk(context, Server(context.kube, served), Kept())
    task = asyncio.create_task(made.reports.run())
    yield made
    assert not task.done(), "it has ended"
    task.cancel()


async def _turn() -> None:
    """Let the others have their turn, more than once."""
    for _ in range(200):
        await asyncio.sleep(0)


async def test_nothing_is_written_before_all_was_judged(desk: Desk) -> None:
    desk.find(BAD)
    await _turn()
    assert desk.told() == []
    desk.reports.open()
    await until(lambda: desk.told() == [["run-as-non-root"]])


async def test_one_is_written_once_in_a_while_with_what_is_so_then(desk: Desk) -> None:
    desk.reports.open()
    desk.find(BAD)
    await until(lambda: len(desk.told()) == 1)
    began = asyncio.get_running_loop().time()
    desk.find(WORSE)
    desk.find(BAD, WORSE)
    await until(lambda: len(desk.told()) == 2)
    assert asyncio.get_running_loop().time() - began >= 0.15
    assert desk.told()[1] == ["host-namespaces", "run-as-non-root"]


async def test_what_says_the_same_is_not_written_again(desk: Desk) -> None:
    desk.reports.open()
    desk.find(BAD)
    await until(lambda: len(desk.told()) == 1)
    desk.find(WORSE)
    desk.find(BAD)
    desk.reports.mark("strict", "elsewhere")
    await until(lambda: not desk.reports._due)
    await _turn()
    assert len(desk.told()) == 1


async def test_with_nothing_found_it_goes(desk: Desk) -> None:
    desk.reports.open()
    desk.find(BAD)
    await until(lambda: len(desk.told()) == 1)
    desk.find()
    await until(lambda: desk.objects.done[-1].startswith("delete revet-"))


async def test_what_others_delete_or_edit_comes_back(desk: Desk) -> None:
    desk.reports.open()
    desk.find(BAD)
    await until(lambda: len(desk.told()) == 1)
    desk.server.tell("MODIFIED", desk.objects.applied[0])  # our own, late
    desk.server.tell("MODIFIED", desk.objects.applied[0], generation=7)
    await until(lambda: len(desk.told()) == 2)
    desk.server.tell("DELETED", desk.objects.applied[1])
    await until(lambda: len(desk.told()) == 3)
    assert desk.told() == [["run-as-non-root"]] * 3


async def test_a_copy_of_one_is_left_alone(desk: Desk) -> None:
    desk.reports.open()
    desk.find(BAD)
    await until(lambda: len(desk.told()) == 1)
    desk.server.tell("ADDED", desk.objects.applied[0], name="copy", generation=9)
    desk.server.tell("DELETED", desk.objects.applied[0], name="copy")
    await until(desk.server.is_heard)
    await _turn()
    assert len(desk.objects.done) == 1
    assert not desk.reports._due


@pytest.mark.parametrize("desk", [["wgpolicyk8s.io/v1alpha2"]], indirect=True)
async def test_where_only_the_older_api_is_served_that_is_taken(desk: Desk) -> None:
    desk.reports.open()
    desk.find(BAD)
    await until(lambda: len(desk.told()) == 1)
    assert desk.objects.applied[0]["kind"] == "PolicyReport"


@pytest.mark.parametrize("desk", [[]], indirect=True)
async def test_where_none_is_served_nothing_is_written(desk: Desk) -> None:
    desk.reports.open()
    desk.find(BAD)
    await _turn()
    assert desk.objects.done == []
    assert desk.reports.form is None
