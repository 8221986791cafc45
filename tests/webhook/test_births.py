"""Pods wait in a namespace that was just made for what policies write into it; not for ever."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from revet.core.model.meta import PAUSED_ANNOTATION
from revet.webhook.births import HELD_S, Births
from revet.webhook.doors import MARGIN_S
from tests.support.manifests import Manifest, good_pod, namespace, pod, policy, workload
from tests.support.reviews import messages
from tests.webhook.harness import Clock, Harness, serve, until

BRIEFLY: Final = f"?timeout={(MARGIN_S + 0.05) * 1000:.0f}ms"
LABELS: Final = {"tier": "prod"}
LIMITS: Final[Manifest] = {"limits": [{"type": "Container", "default": {"memory": "1Gi"}}]}
QUOTA: Final[Manifest] = {"hard": {"pods": "5"}}
METRIC: Final = "revet_baseline_waits_total"


def _policy(mode: str = "Enforce", *, paused: bool = False, **asked: object) -> Manifest:
    manifest = policy("strict", LABELS, enforcement=mode, namespaces={"mode": "Enforce", **asked})
    manifest["metadata"]["uid"] = "5c"
    if paused:
        manifest["metadata"]["annotations"] = {PAUSED_ANNOTATION: "true"}
    return manifest


def _path(webhook: Harness) -> str:
    ((_, entry), *_) = webhook.knowledge.policies.compiled["strict"].entries
    return entry.path


def _tell(webhook: Harness, kind: str, spec: Manifest, **fields: object) -> None:
    """Tell of an object as its watch does."""
    metadata = {"name": "default", "namespace": "new"}
    manifest = {"kind": kind, "metadata": metadata, "spec": spec, **fields}
    beside = webhook.knowledge.beside
    copy, freshness = beside.open(kind)
    copy.put(json.dumps(manifest).encode())
    freshness.mark()


@pytest.fixture
async def webhook(tmp_path: Path) -> AsyncIterator[Harness]:
    async with serve(tmp_path) as harness:
        harness.know(_policy(limitRange=LIMITS), namespace("new", LABELS))
        yield harness


async def _ask(webhook: Harness, query: str = BRIEFLY, **fields: Any) -> Manifest:  # noqa: ANN401 -- as review's
    return await webhook.ask(_path(webhook) + query, good_pod("web"), namespace="new", **fields)


async def test_a_pod_is_held_back_and_its_client_tries_again(webhook: Harness) -> None:
    response = await _ask(webhook)
    assert response["allowed"] is False
    assert messages(response) == (
        "Pod new/web is held back: the namespace new is new and has not got yet: its LimitRange"
        " (policy strict). Revet's operator writes it within seconds; try again"
    )
    status = response["status"]
    assert (status["code"], status["reason"]) == (429, "TooManyRequests")
    assert status["details"] == {"retryAfterSeconds": 1}
    assert webhook.count(METRIC, result="held") == 1
    assert webhook.lines()[-1]["verdict"] == "held"
    await _ask(webhook, dryRun=True)
    assert webhook.count(METRIC, result="held") == 1


async def test_limits_that_come_meanwhile_count_for_the_next_pod(webhook: Harness) -> None:
    asked = asyncio.create_task(_ask(webhook, "?timeout=4s"))
    await until(lambda: webhook.knowledge.news._waiters)
    _tell(webhook, "LimitRange", LIMITS)
    response = await asked
    assert response["status"]["code"] == 429
    assert "came a moment after it; try again" in messages(response)
    # By now that is long enough ago for the API server's own plugins to have seen it.
    assert (await _ask(webhook))["allowed"] is True


async def test_what_nobody_else_reads_counts_at_once(webhook: Harness) -> None:
    webhook.know(_policy(podSecurity={"warn": "baseline"}))
    asked = asyncio.create_task(_ask(webhook, "?timeout=4s"))
    await until(lambda: webhook.knowledge.news._waiters)
    labels = {**LABELS, "pod-security.kubernetes.io/warn": "baseline"}
    webhook.know(namespace("new", labels))
    assert (await asked)["allowed"] is True


@pytest.mark.parametrize("mode", ["Enforce", "Audit"])
async def test_of_several_policies_limits_one_suffices(webhook: Harness, mode: str) -> None:
    """As only those of the first by name are written."""
    other = _policy(mode, limitRange={"limits": [{"type": "Pod", "max": {"cpu": 1}}]})
    other["metadata"] = {"name": "first", "uid": "other"}
    webhook.know(other)
    assert not (await _ask(webhook))["allowed"]
    _tell(webhook, "LimitRange", {"limits": [{"type": "Pod", "max": {"cpu": "1"}}]})
    webhook.knowledge.births._changed_at.clear()
    assert (await _ask(webhook))["allowed"]
    webhook.knowledge.policies.drop(json.dumps(other).encode())
    assert not (await _ask(webhook))["allowed"]


async def test_how_much_of_a_quota_is_used_changes_nothing(webhook: Harness) -> None:
    webhook.know(_policy(resourceQuota=QUOTA))
    _tell(webhook, "ResourceQuota", QUOTA)
    changed = dict(webhook.knowledge.births._changed_at)
    assert list(changed) == ["new"]
    _tell(webhook, "ResourceQuota", QUOTA, status={"used": {"pods": "1"}})
    assert webhook.knowledge.births._changed_at == changed
    _tell(webhook, "ResourceQuota", {"hard": {"pods": "6"}})
    assert webhook.knowledge.births._changed_at != changed


async def test_a_bad_pod_hears_what_is_wrong_with_it(webhook: Harness) -> None:
    response = await webhook.ask(_path(webhook), pod(), namespace="new")
    assert response["status"]["code"] == 403
    assert "findings" in messages(response)


@pytest.mark.parametrize("operation", ["UPDATE", "CREATE"])
async def test_nothing_else_waits(webhook: Harness, operation: str) -> None:
    subject = workload("Deployment") if operation == "CREATE" else good_pod()
    fields = {} if operation == "CREATE" else {"old": good_pod(), "operation": operation}
    response = await webhook.ask(_path(webhook) + BRIEFLY, subject, namespace="new", **fields)
    assert response.get("status", {}).get("code") != 429


async def test_an_older_namespace_is_warned_of(webhook: Harness) -> None:
    webhook.know(namespace("old", LABELS))
    webhook.knowledge.births.see_listed({"old": "2026-01-01T00:00:00Z"})
    del webhook.knowledge.births._held_until["old"]
    response = await webhook.ask(_path(webhook), good_pod(), namespace="old")
    assert response["allowed"] is True
    [warning] = response["warnings"]
    assert warning == (
        "the namespace old lacks its LimitRange (policy strict): is Revet's operator running?"
    )
    assert webhook.count(METRIC, result="admitted") == 1
    # Where what others take away stays away, that is no news.
    webhook.know(_policy(limitRange=LIMITS, drift="Report"))
    response = await webhook.ask(_path(webhook), good_pod(), namespace="old")
    assert "warnings" not in response


async def test_what_is_found_complete_is_looked_at_again_after_a_change(webhook: Harness) -> None:
    births = webhook.knowledge.births
    births._held_until.clear()
    beside = webhook.knowledge.beside
    copy, freshness = beside.open("LimitRange")
    freshness.mark()
    metadata = {"name": "any", "namespace": "new"}
    limits = json.dumps({"kind": "LimitRange", "metadata": metadata, "spec": LIMITS}).encode()
    copy.put(limits)
    for _ in range(2):
        assert "warnings" not in await _ask(webhook)
        assert births._complete == {"new": {"strict"}}
    copy.drop(limits)
    assert (await _ask(webhook))["warnings"]
    copy.replace([limits])
    assert "warnings" not in await _ask(webhook)
    webhook.know(_policy(limitRange=LIMITS, resourceQuota=QUOTA))
    assert (await _ask(webhook))["warnings"]


@pytest.mark.parametrize(
    "manifest",
    [
        _policy(paused=True, limitRange=LIMITS),
        _policy("Audit", limitRange=LIMITS),
        _policy("Warn", limitRange=LIMITS),
    ],
)
async def test_who_asks_for_no_wait_gets_none(webhook: Harness, manifest: Manifest) -> None:
    webhook.know(manifest)
    response = await _ask(webhook)
    assert (response["allowed"], response.get("warnings")) == (True, None)
    assert webhook.knowledge.births.expected == {}


async def test_no_entry_relies_on_what_nobody_sees(webhook: Harness) -> None:
    assert webhook.knowledge.generations(_path(webhook)) == {}
    assert webhook.knowledge.beside.unlisted() == ["LimitRange"]
    _tell(webhook, "LimitRange", LIMITS)
    assert webhook.knowledge.generations(_path(webhook)) == {"5c": 0}


TODAY: Final = datetime(2026, 1, 2, tzinfo=UTC)


def _births(clock: Clock) -> Births:
    births = Births(None, clock, lambda: TODAY)  # type: ignore[arg-type] # nobody looks around
    births.see_new("watched")
    return births


def _left_s(births: Births, name: str, clock: Clock) -> float:
    return max(0.0, births._held_until.get(name, 0.0) - clock.now)


@pytest.mark.parametrize(
    ("age_s", "left_s"),
    [
        (0, HELD_S),
        (20, HELD_S - 20),
        (61, 0),
        # Our clock is behind the API server's: no longer than for a new one.
        (-3600, HELD_S),
    ],
)
def test_after_a_restart_the_creation_counts(age_s: float, left_s: float) -> None:
    clock = Clock()
    births = _births(clock)
    created = (TODAY - timedelta(seconds=age_s)).strftime("%Y-%m-%dT%H:%M:%SZ")
    births.see_listed({"listed": created, "odd": None, "bad": "yesterday"})
    assert _left_s(births, "listed", clock) == left_s
    assert _left_s(births, "odd", clock) == _left_s(births, "bad", clock) == 0


def test_a_list_prolongs_and_shortens_nothing() -> None:
    clock = Clock()
    births = _births(clock)
    clock.now += 40
    for created in ("2026-01-02T00:00:00Z", "2020-01-01T00:00:00Z"):
        births.see_listed({"watched": created})
        assert _left_s(births, "watched", clock) == HELD_S - 40
    clock.now += 21
    births.see_listed({"watched": "2026-01-02T00:00:00Z"})
    assert not births._held_until


def test_of_what_is_gone_or_grown_up_nothing_is_kept() -> None:
    clock = Clock()
    births = _births(clock)
    births.note_change("watched")
    births.note_change("never seen")
    assert list(births._changed_at) == ["watched"]
    births.see_gone("watched")
    assert not births._held_until
    assert not births._changed_at
    births.see_new("next")
    births.note_change("next")
    clock.now += HELD_S + 1
    births.see_new("last")
    assert list(births._held_until) == ["last"]
    assert not births._changed_at
