"""The canary against pods whose status a test writes: what it says, and that nothing is left."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from revet.core.canary_exit import Exit
from revet.operator.canary import Canary
from revet.operator.picture import Key
from tests.operator.canary_desk import CONTROLLED, Desk, Status, compared, ended
from tests.webhook.harness import until


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
    desk.cluster.client = [CONTROLLED, compared(Exit.THROUGH)]
    assert await desk.tried() == ("False", "NotDropped")


async def test_a_connection_that_was_denied_too_late_says_nothing(desk: Desk) -> None:
    desk.cluster.client = [CONTROLLED, compared(Exit.THROUGH)]
    assert await desk.tried() == ("Unknown", "TooShort")


@pytest.mark.parametrize("code", [Exit.SHOWN, Exit.THROUGH])
async def test_where_somebody_changed_the_denial_nothing_is_said(desk: Desk, code: Exit) -> None:
    desk.cluster.client = [CONTROLLED, *[CONTROLLED] * 40, compared(code)]
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
    failed = {"phase": "Failed", "initContainerStatuses": ended("control", Exit.UNCLEAR)}
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
