"""What stands beside an object: watched while it is needed, waited for, and unknown until then."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from revet.adapters.address import Address
from revet.adapters.log import Log
from revet.core.checks import ALL
from revet.core.model.catalog import CONTROLS
from revet.core.neighbours import NEIGHBOURS
from revet.webhook.beside import Beside
from revet.webhook.doors import MARGIN_S
from revet.webhook.main import Webhook
from revet.webhook.settings import Settings
from tests.support.manifests import Manifest, namespace, pod, policy, workload
from tests.support.reviews import messages, review
from tests.webhook import listwatch
from tests.webhook.harness import Clock, Harness, serve, until
from tests.webhook.listwatch import ListWatch, event, item, page, say

CONTROL = "automount-sa-token"
NEEDED = {"ServiceAccount", "RoleBinding", "ClusterRoleBinding"}
BRIEFLY = f"?timeout={(MARGIN_S + 0.05) * 1000:.0f}ms"
OFF = [{"id": each, "mode": "Disabled"} for each in CONTROLS if each != CONTROL]
ACCOUNT: Manifest = {"kind": "ServiceAccount", "metadata": {"name": "api", "namespace": "shop"}}
QUIET = ACCOUNT | {"automountServiceAccountToken": False}
BINDING: Manifest = {
    "kind": "RoleBinding",
    "metadata": {"name": "api", "namespace": "shop"},
    "roleRef": {"kind": "ClusterRole", "name": "view"},
    "subjects": [{"kind": "ServiceAccount", "name": "api", "namespace": "shop"}],
}


UID = "5c"


def _policy(mode: str = "Enforce", name: str = "strict") -> Manifest:
    controls = [{"id": CONTROL, "mode": mode}, *OFF]
    manifest = policy(name, {"tier": "prod"}, enforcement="Enforce", controls=controls)
    manifest["metadata"]["uid"] = UID
    return manifest


def _pod() -> Manifest:
    manifest = pod(serviceAccountName="api")
    manifest["metadata"]["namespace"] = "shop"
    return manifest


@pytest.fixture
async def webhook(tmp_path: Path) -> AsyncIterator[Harness]:
    async with serve(tmp_path, ALL) as harness:
        harness.know(namespace("shop", {"tier": "prod"}))
        yield harness


def _path(webhook: Harness) -> str:
    ((_, entry), *_) = webhook.knowledge.policies.compiled["strict"].entries
    return entry.path


def _see(webhook: Harness, manifest: Manifest) -> None:
    """Tell of an object as its watch does, with all others of its kind seen."""
    beside = webhook.knowledge.beside
    copy, freshness = beside.open(manifest["kind"])
    copy.put(json.dumps(manifest).encode())
    freshness.mark()


async def _waits(webhook: Harness, asked: asyncio.Task[Manifest]) -> None:
    """Return when the call is inside and waits for news."""
    await until(lambda: asked.done() or webhook.knowledge.news._waiters)
    assert not asked.done()


async def test_unknown_is_refused_in_enforce_and_counted_apart(webhook: Harness) -> None:
    webhook.know(_policy())
    response = await webhook.ask(_path(webhook) + BRIEFLY, _pod())
    assert response["allowed"] is False
    assert "not checked: needs ServiceAccount shop/api" in messages(response)
    labels = {"policy": "strict", "control": CONTROL, "mode": "Enforce"}
    assert webhook.count("revet_unknown_total", **labels) == 1
    assert webhook.count("revet_findings_total", **labels) == 0
    [line] = webhook.lines()
    assert line["verdict"] == "denied"


async def test_what_is_on_its_way_is_waited_for(webhook: Harness) -> None:
    webhook.know(_policy())
    asked = asyncio.create_task(webhook.ask(_path(webhook), _pod()))
    await _waits(webhook, asked)
    webhook.see()
    await _waits(webhook, asked)
    # Others are answered meanwhile.
    other = _pod()
    other["spec"]["automountServiceAccountToken"] = False
    assert (await webhook.ask(_path(webhook), other))["allowed"] is True
    await _waits(webhook, asked)
    _see(webhook, QUIET)
    assert (await asked)["allowed"] is True


async def test_a_binding_lets_it_pass_and_its_end_does_not(webhook: Harness) -> None:
    webhook.know(_policy())
    webhook.see(ACCOUNT)
    response = await webhook.ask(_path(webhook), _pod())
    assert "no role is bound" in messages(response)
    _see(webhook, BINDING)
    assert (await webhook.ask(_path(webhook), _pod()))["allowed"] is True
    copy, freshness = webhook.knowledge.beside.open("RoleBinding")
    copy.drop(json.dumps(BINDING).encode())
    freshness.mark()
    assert (await webhook.ask(_path(webhook), _pod()))["allowed"] is False


@pytest.mark.parametrize(("mode", "warned"), [("Warn", 1), ("Audit", 0)])
async def test_below_enforce_nobody_waits(webhook: Harness, mode: str, warned: int) -> None:
    webhook.know(_policy(mode))
    news = webhook.knowledge.news
    response = await webhook.ask(_path(webhook), _pod())
    assert response["allowed"] is True
    assert len(response.get("warnings", [])) == warned
    assert "not checked: needs ServiceAccount" in response["auditAnnotations"]["findings"]
    assert webhook.knowledge.news is news


async def test_a_template_is_warned_of_at_once(webhook: Harness) -> None:
    webhook.know(_policy())
    deployment = workload("Deployment")
    deployment["metadata"]["namespace"] = "shop"
    response = await webhook.ask(_path(webhook), deployment)
    assert response["allowed"] is True
    assert "not checked: needs ServiceAccount shop/default" in response["warnings"][0]


async def test_a_policy_is_judged_by_when_what_it_needs_was_seen(webhook: Harness) -> None:
    webhook.know(_policy())
    assert webhook.knowledge.beside.unlisted() == sorted(NEEDED)
    path = _path(webhook)
    probe = {"apiVersion": "revet.dev/v1alpha1", "kind": "HardeningPolicy", "metadata": {}}

    async def judged() -> dict[str, int]:
        body = review(probe)
        reply = await webhook.post(path, json.dumps(body).encode())
        found: dict[str, int] = json.loads(reply.response["auditAnnotations"]["generations"])
        return found

    assert await judged() == {}
    _see(webhook, ACCOUNT)
    _see(webhook, BINDING)
    assert await judged() == {}
    webhook.see()
    assert await judged() == {UID: 0}
    assert webhook.knowledge.beside.unlisted() == []
    # Where it would only warn, no entry need wait for it.
    webhook.knowledge.beside.close("ServiceAccount")
    webhook.know(_policy("Warn"))
    [warns] = webhook.knowledge.policies.compiled.values()
    assert await judged() == ({UID: 0} if path in {e.path for _, e in warns.entries} else {})


async def test_what_was_not_heard_of_for_long_is_unknown_again() -> None:
    clock = Clock()
    beside = Beside(lambda: None, lambda _: None, clock, stale_after_s=120)
    _, freshness = beside.open("NetworkPolicy")
    assert not beside.is_seen("NetworkPolicy")
    freshness.mark()
    assert beside.neighbours.network_policies("shop").is_all
    clock.now += 121
    assert not beside.neighbours.network_policies("shop").is_all
    freshness.mark()
    assert beside.neighbours.network_policies("shop").is_all


async def test_an_object_that_cannot_be_read_counts_as_absent() -> None:
    said: list[str] = []
    beside = Beside(lambda: None, said.append, Clock(), stale_after_s=120)
    copy, freshness = beside.open("ServiceAccount")
    freshness.mark()
    bad = json.dumps(ACCOUNT | {"automountServiceAccountToken": "no"}).encode()
    copy.replace(
        [bad, json.dumps(QUIET | {"metadata": {"name": "b", "namespace": "shop"}}).encode()]
    )
    copy.put(bad)
    copy.drop(bad)
    assert not beside.neighbours.service_account("shop", "api").items
    assert beside.neighbours.service_account("shop", "b").items
    assert len(said) == 3
    assert "$.automountServiceAccountToken" in said[0]


async def test_watches_run_only_while_they_are_needed(tmp_path: Path) -> None:
    script = ListWatch(
        [page(1, item("a", 1, namespace="shop"))],
        [say(event("ADDED", item("b", 2, namespace="shop")))],
    )
    async with listwatch.serve(script, tmp_path) as kube:
        news = asyncio.Event()
        loop = asyncio.get_running_loop()
        beside = Beside(news.set, lambda _: None, loop.time, stale_after_s=120)
        running = asyncio.create_task(beside.run(kube))
        beside.want(["ServiceAccount"])
        await until(lambda: beside.neighbours.service_account("shop", "b").items)
        assert beside.neighbours.service_account("shop", "a").items
        assert beside.freshness.keys() == {"ServiceAccount"}
        assert news.is_set()
        beside.want(["ServiceAccount", "LimitRange"])
        await until(lambda: beside.is_seen("LimitRange"))
        assert len(script.listed) == 2
        beside.want(["LimitRange"])
        await until(lambda: beside.freshness.keys() == {"LimitRange"})
        assert not beside.is_seen("ServiceAccount")
        assert not beside.neighbours.service_account("shop", "a").items
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_at_the_start_it_is_ready_when_all_is_listed(tmp_path: Path) -> None:
    harness = Harness(tmp_path, ALL)
    loop = asyncio.get_running_loop()
    settings = Settings(
        listen=Address("127.0.0.1", 0),
        health=Address("127.0.0.1", 0),
        tls_cert=harness.certificate,
        tls_key=harness.key,
        kubeconfig=None,
        namespace="revet-system",
        system_namespaces=frozenset(),
        stale_after_s=120,
        drain_s=0,
    )
    log = Log(harness.stream, lambda: "", loop.call_soon)
    async with listwatch.serve(ListWatch([page(1)]), tmp_path) as kube:
        process = Webhook(settings, kube, log)
        for freshness in process._watches.values():
            freshness.mark()
        process._beside.want(NEEDED)
        assert process.unready() == f"not listed yet: {', '.join(sorted(NEEDED))}"
        for kind in NEEDED:
            process._beside.open(kind)[1].mark()
        assert process.unready() is None
        # Later a policy may need something new: that takes no replica away.
        process._beside.want(NEIGHBOURS)
        assert process.unready() is None
