"""A call may come before the watch has told of its entry or namespace: it is waited for."""

import asyncio
import json
import time

import pytest

from revet.webhook.doors import MARGIN_S
from tests.support.manifests import Manifest, good_pod, namespace, pod, policy
from tests.support.reviews import messages, paths, review
from tests.webhook.harness import Harness, until

STRICT = policy("strict", {"tier": "prod"}, enforcement="Enforce")
[PATH] = paths(STRICT)
MUTATE, AUDIT = PATH.replace("validate", "mutate"), PATH.replace("validate", "audit")
# Just over the margin: a twentieth of a second is left for waiting.
BRIEFLY = f"?timeout={(MARGIN_S + 0.05) * 1000:.0f}ms"


async def _waits(webhook: Harness, asked: asyncio.Task[Manifest]) -> None:
    """Return when the call is inside and has found nothing to answer with."""
    waiting = webhook.knowledge._news
    await until(lambda: asked.done() or waiting._waiters)
    assert not asked.done()


@pytest.mark.parametrize(("subject", "allowed"), [(good_pod(), True), (pod(), False)])
async def test_a_policy_that_comes_late_judges(
    webhook: Harness, subject: Manifest, *, allowed: bool
) -> None:
    asked = asyncio.create_task(webhook.ask(PATH, subject))
    await _waits(webhook, asked)
    webhook.know(policy("other", {"tier": "lab"}, enforcement="Enforce"))
    await _waits(webhook, asked)
    webhook.know(STRICT)
    assert (await asked)["allowed"] is allowed


async def test_a_policy_200_ms_late_is_in_time(webhook: Harness) -> None:
    started = time.monotonic()
    asyncio.get_running_loop().call_later(0.2, webhook.know, STRICT)
    response = await webhook.ask(PATH, pod())
    assert "4 findings" in messages(response)
    assert 0.2 <= time.monotonic() - started < 3


async def test_a_namespace_that_comes_late_is_judged(webhook: Harness) -> None:
    webhook.know(STRICT)
    asked = asyncio.create_task(webhook.ask(PATH, pod(), namespace="new"))
    await _waits(webhook, asked)
    webhook.know(namespace("new", {"tier": "prod"}))
    assert "4 findings" in messages(await asked)


async def test_a_namespace_whose_new_labels_come_late_is_judged_at_once(webhook: Harness) -> None:
    # The call itself proves that the API server has matched the selector.
    webhook.know(STRICT, namespace("late", {}))
    assert "4 findings" in messages(await webhook.ask(PATH, pod(), namespace="late"))


@pytest.mark.parametrize("path", [PATH, MUTATE])
async def test_what_never_comes_is_denied_on_a_fail_entry(webhook: Harness, path: str) -> None:
    response = await webhook.ask(path + BRIEFLY, good_pod("web"))
    assert response["allowed"] is False
    assert response["status"]["code"] == 403
    assert messages(response).startswith("Pod shop/web was not judged: Revet has not yet seen")
    assert PATH in messages(response)
    assert webhook.count("revet_fail_closed_total", reason="unknown-entry") == 1
    assert webhook.lines()[-1]["verdict"] == "unjudged"


async def test_what_never_comes_is_allowed_on_an_ignore_entry_and_told(webhook: Harness) -> None:
    response = await webhook.ask(AUDIT + BRIEFLY, pod())
    assert response["allowed"] is True
    assert "was not judged" in response["warnings"][0]
    assert len(response["warnings"][0]) <= 256
    assert "was not judged" in response["auditAnnotations"]["unjudged"]
    assert webhook.count("revet_fail_closed_total", reason="unknown-entry") == 0


@pytest.mark.parametrize(
    ("path", "least", "most"),
    [
        (f"{PATH}?timeout=1700ms", 0.19, 1.5),  # the URL's, less the margin
        (f"{AUDIT}?timeout=30s", 0.49, 2.0),  # our own of 2 s, less the margin
        (AUDIT, 0.49, 2.0),
        (f"{PATH}?timeout=1s", 0.0, 0.5),  # less than the margin: at once
    ],
)
async def test_the_deadline_is_the_shorter_one_less_a_margin(
    webhook: Harness, path: str, least: float, most: float
) -> None:
    started = time.monotonic()
    await webhook.ask(path, pod())
    assert least <= time.monotonic() - started < most


async def test_others_are_answered_while_one_waits(webhook: Harness) -> None:
    webhook.know(STRICT)
    body = json.dumps(review(pod(), namespace="never")).encode()
    waiting = [asyncio.create_task(webhook.post(PATH + "?timeout=3s", body)) for _ in range(20)]
    assert (await webhook.ask(PATH, good_pod()))["allowed"] is True
    assert not any(task.done() for task in waiting)
    webhook.know(namespace("never", {"tier": "prod"}))
    replies = await asyncio.gather(*waiting)
    assert all("4 findings" in reply.text for reply in replies)


async def test_a_deleted_policy_refuses_nothing(webhook: Harness) -> None:
    webhook.know(STRICT)
    webhook.knowledge.policies.drop(json.dumps(STRICT).encode())
    response = await webhook.ask(PATH + BRIEFLY, pod())
    assert response["allowed"]


async def test_a_list_replaces_all_that_was_known(webhook: Harness) -> None:
    webhook.know(policy("old", {"team": "x"}, enforcement="Enforce"))
    webhook.knowledge.policies.replace([json.dumps(STRICT).encode()])
    assert list(webhook.knowledge.policies.compiled) == ["strict"]
    webhook.knowledge.namespaces.replace([json.dumps(namespace("only")).encode()])
    assert list(webhook.knowledge.namespaces.labels) == ["only"]


async def test_a_policy_that_can_not_be_read_changes_nothing(webhook: Harness) -> None:
    webhook.know(STRICT)
    webhook.know(policy("strict", {"tier": "prod"}, enforcement="Never"))
    assert "4 findings" in messages(await webhook.ask(PATH, pod()))
    [line] = webhook.lines("error")
    assert line["message"].startswith("HardeningPolicy strict is not valid, nothing changes: ")
