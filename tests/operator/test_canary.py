"""The canary against pods whose status a test writes: what it says, and that nothing is left."""

import asyncio
import json
from collections.abc import AsyncIterator
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from revet.adapters.kube import KubeError
from revet.core.canary_exit import Exit
from revet.core.model.meta import Manifest
from revet.operator import canary
from revet.operator.canary import Canary
from revet.operator.context import Context
from revet.operator.picture import Key
from revet.operator.settings import CanarySettings
from tests.operator.test_writer import Written
from tests.support.manifests import policy
from tests.webhook.harness import until

IMAGE = f"registry.example.com/revet@sha256:{'0' * 64}"
START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
Status = dict[str, Any]


def _ended(name: str, code: int) -> list[Manifest]:
    return [{"name": name, "state": {"terminated": {"exitCode": code}}}]


RUNS: Status = {
    "phase": "Running",
    "podIP": "10.0.0.1",
    "containerStatuses": [{"name": "serve", "state": {"running": {}}}],
}
CONTROLLED: Status = {"phase": "Running", "initContainerStatuses": _ended("control", Exit.SHOWN)}


def _compared(code: int) -> Status:
    return {**CONTROLLED, "phase": "Failed", "containerStatuses": _ended("compare", code)}


class Cluster(Written):
    """A namespace with what the canary makes in it; each pod comes to what a test says."""

    def __init__(self) -> None:
        super().__init__()
        self.there: dict[tuple[str, str], Manifest] = {}
        self.made: list[str] = []
        self.refused = ""
        self.server: list[Status] = [{}, RUNS]
        self.client: list[Status] = [{}, CONTROLLED, CONTROLLED, _compared(Exit.SHOWN)]

    async def create(self, manifest: Manifest) -> Manifest:
        """Make it, or refuse."""
        kind, name = manifest["kind"], manifest["metadata"]["name"]
        role = name.rpartition("-")[2]
        if role == self.refused:
            raise KubeError(f"no {role} here", 403)
        made = deepcopy(manifest)
        made["metadata"] |= {"uid": f"{role}-{len(self.made)}", "generation": 1}
        self.made.append(role)
        self.there[kind, name] = made
        return deepcopy(made)

    async def get(self, kind: str, name: str, namespace: str = "") -> Manifest | None:
        """Give it, a pod in its next state."""
        if kind == "ClusterRole":
            return {"metadata": {"uid": "owner"}}
        assert namespace == "revet-system-canary"
        found = self.there.get((kind, name))
        if found is not None and kind == "Pod":
            states = self.server if name.endswith("server") else self.client
            found = {**found, "status": states.pop(0) if len(states) > 1 else states[0]}
        return found

    async def list(self, kind: str, *_: object, **__: object) -> list[Manifest]:
        """Give all that is left."""
        return [each for (there, _), each in self.there.items() if there == kind]

    async def delete(self, manifest: Manifest) -> None:
        """Take it away."""
        del self.there[manifest["kind"], manifest["metadata"]["name"]]


class Desk:
    """A canary, with a policy that asks for it, on a clock that a test turns."""

    def __init__(self, context: Context) -> None:
        self.cluster, self.now = Cluster(), START
        settings = replace(context.settings, canary=CanarySettings(IMAGE, 0.2))
        self.context = replace(
            context, settings=settings, objects=self.cluster, now=lambda: self.now
        )
        self.ask()
        self.canary = Canary(self.context)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Have it run, until it is stopped."""
        self._task = asyncio.create_task(self.canary.run())

    async def stop(self) -> None:
        """End it, as the operator's end does."""
        if self._task is not None:
            assert not self._task.done()
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def ask(self, version: int = 1, wish: str = "Enabled", **status: object) -> None:
        """See the policy, at a version."""
        manifest = policy("strict", {"tier": "prod"}, network={"canary": wish})
        metadata = {"uid": "p", "resourceVersion": f"{version}", "generation": version}
        manifest["metadata"] |= metadata
        if status:
            manifest["status"] = status
        self.context.picture.see_policy(json.loads(json.dumps(manifest)), gone=False)

    async def tried(self) -> tuple[str, str]:
        """Return what was said when it was tried, and all of it was taken away again."""
        before = self.canary._outcome
        if self._task is None:
            self.start()
        await until(lambda: self.canary._outcome is not before)
        await until(lambda: not self.canary._is_unclean)
        assert self.cluster.there == {}
        told = self.canary.told("strict")
        assert told is not None
        return told.truth, told.reason


@pytest.fixture
async def desk(context: Context, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    for name in ("_DUE_EVERY_S", "_ASK_EVERY_S", "_AGAIN_S"):
        monkeypatch.setattr(canary, name, 0.001)
    made = Desk(context)
    yield made
    await made.stop()
    assert made.cluster.there == {}


async def test_a_dropped_connection_is_told_with_its_time(desk: Desk) -> None:
    assert desk.canary.told("strict") is None
    assert await desk.tried() == ("True", "Dropped")
    told = desk.canary.told("strict")
    assert told is not None
    assert told.text.endswith("; tried at 2026-01-02T03:04:05Z")
    assert desk.cluster.made == ["server", "client", "denial"]
    assert await desk.context.statuses.get() == Key("status", "strict")


async def test_a_network_that_enforces_nothing_is_told(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Canary, "_least_s", 0.0)
    desk.cluster.client = [CONTROLLED, _compared(Exit.THROUGH)]
    assert await desk.tried() == ("False", "NotDropped")


async def test_a_connection_that_was_denied_too_late_says_nothing(desk: Desk) -> None:
    desk.cluster.client = [CONTROLLED, _compared(Exit.THROUGH)]
    assert await desk.tried() == ("Unknown", "TooShort")


@pytest.mark.parametrize("code", [Exit.SHOWN, Exit.THROUGH])
async def test_where_somebody_changed_the_denial_nothing_is_said(desk: Desk, code: Exit) -> None:
    desk.cluster.client = [CONTROLLED, *[CONTROLLED] * 40, _compared(code)]
    desk.start()
    await until(lambda: "denial" in desk.cluster.made)
    [denial] = await desk.cluster.list("NetworkPolicy")
    denial["metadata"]["generation"] = 2
    assert await desk.tried() == ("Unknown", "PolicyChanged")


@pytest.mark.parametrize(
    ("server", "reason"),
    [
        ({"conditions": [{"type": "PodScheduled", "status": "False"}]}, "NotScheduled"),
        ({"phase": "Failed", "reason": "Evicted"}, "PodFailed"),
        ({"phase": "Pending"}, "TimedOut"),
    ],
)
async def test_a_server_that_does_not_come_is_told(desk: Desk, server: Status, reason: str) -> None:
    desk.cluster.server = [server]
    assert await desk.tried() == ("Unknown", reason)
    assert desk.cluster.made == ["server"]


async def test_a_control_connection_that_is_not_made_ends_it(desk: Desk) -> None:
    failed = {"phase": "Failed", "initContainerStatuses": _ended("control", Exit.UNCLEAR)}
    desk.cluster.client = [{}, failed]
    assert await desk.tried() == ("Unknown", "ControlFailed")
    assert desk.cluster.made == ["server", "client"]


async def test_a_client_that_fails_by_itself_says_nothing_of_connections(desk: Desk) -> None:
    ended = {"exitCode": 137, "reason": "OOMKilled"}
    failed = [{"name": "control", "state": {"terminated": ended}}]
    desk.cluster.client = [{}, {"phase": "Failed", "initContainerStatuses": failed}]
    assert await desk.tried() == ("Unknown", "ClientFailed")
    told = desk.canary.told("strict")
    assert told is not None
    assert "control ended with 137: OOMKilled" in told.text


@pytest.mark.parametrize("role", ["server", "client", "denial"])
async def test_what_may_not_be_made_is_told(desk: Desk, role: str) -> None:
    desk.cluster.refused = role
    assert await desk.tried() == ("Unknown", "Refused")
    told = desk.canary.told("strict")
    assert told is not None
    assert f"no {role} here" in told.text


async def test_it_is_tried_once_for_a_version_and_once_a_day(desk: Desk) -> None:
    await desk.tried()
    desk.ask(1)
    desk.ask(2)
    earlier = desk.canary.told("strict")
    assert earlier is not None
    assert earlier.text.endswith("Z, before the last change")
    await desk.tried()
    assert len(desk.cluster.made) == 6
    desk.now += timedelta(hours=23)
    # Due no more than by the clock: many turns bring nothing.
    for _ in range(20):
        await asyncio.sleep(0.002)
    assert len(desk.cluster.made) == 6
    desk.now += timedelta(hours=1)
    await desk.tried()
    assert len(desk.cluster.made) == 9


@pytest.mark.parametrize("wish", ["Disabled", "paused"])
async def test_who_does_not_ask_has_none(desk: Desk, wish: str) -> None:
    desk.ask(2, "Disabled" if wish == "Disabled" else "Enabled")
    if wish == "paused":
        seen = desk.context.picture.policies["strict"]
        seen.manifest["metadata"]["annotations"] = {"revet.dev/paused": "true"}
    assert not desk.canary._is_due()


async def test_without_an_image_it_says_so_and_ends(desk: Desk) -> None:
    settings = replace(desk.context.settings, canary=None)
    without = Canary(replace(desk.context, settings=settings))
    await without.run()
    told = without.told("strict")
    assert told is not None
    assert (told.truth, told.reason) == ("Unknown", "NotInstalled")
    assert desk.cluster.made == []


async def test_what_a_killed_one_has_left_is_taken_away_first(desk: Desk) -> None:
    left: Manifest = {"kind": "Pod", "metadata": {"name": "canary-old-server"}}
    desk.cluster.there["Pod", "canary-old-server"] = left
    desk.ask(2, "Disabled")
    desk.start()
    await until(lambda: not desk.cluster.there)
    assert desk.cluster.made == []


async def test_our_end_takes_away_what_is_under_way(desk: Desk) -> None:
    desk.cluster.server = [{"phase": "Pending"}]
    desk.start()
    await until(lambda: desk.cluster.there)
    await desk.stop()
    assert desk.cluster.there == {}


async def test_our_end_takes_away_the_rest_of_what_was_being_taken_away(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    delete, asked = desk.cluster.delete, asyncio.Event()

    async def delete_slowly(manifest: Manifest) -> None:
        if not asked.is_set():
            asked.set()
            await asyncio.Event().wait()
        await delete(manifest)

    monkeypatch.setattr(desk.cluster, "delete", delete_slowly)
    desk.start()
    await asked.wait()
    assert desk.cluster.there
    await desk.stop()
    assert desk.cluster.there == {}


async def test_our_end_does_not_wait_for_an_api_server_that_says_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = asyncio.Event()

    async def say_nothing(*_: object, **__: object) -> list[Manifest]:
        asked.set()
        await asyncio.Event().wait()
        return []

    monkeypatch.setattr(canary, "_END_S", 0.01)
    monkeypatch.setattr(desk.cluster, "list", say_nothing)
    desk.start()
    await asked.wait()
    async with asyncio.timeout(5):
        await desk.stop()


async def test_a_restart_is_no_reason_to_try_again(desk: Desk) -> None:
    await desk.tried()
    told = desk.canary.told("strict")
    assert told is not None
    condition = {
        "type": "NetworkEnforced",
        "status": told.truth,
        "reason": told.reason,
        "message": told.text,
    }
    await desk.stop()
    desk.ask(2, observedGeneration=2, conditions=[condition])
    again = Canary(desk.context)
    assert (again.told("strict"), again._is_due()) == (told, False)
    desk.ask(3, observedGeneration=2, conditions=[condition])
    changed = Canary(desk.context)
    told_now = changed.told("strict")
    assert told_now is not None
    assert told_now.text == f"{told.text}, before the last change"
    assert changed._is_due()
    # Killed before it was tried again: the status was already of the newer version.
    later = {**condition, "message": told_now.text}
    desk.ask(4, observedGeneration=4, conditions=[later])
    assert Canary(desk.context)._is_due()
