"""When a status says something new of runtime events: flips at once, all else once a minute."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from revet.core.model.condition import Truth
from revet.core.model.meta import Manifest
from revet.core.model.policy_runtime import Severity
from revet.operator.audit import Audit
from revet.operator.context import Context
from revet.operator.picture import Key
from revet.operator.reconcile import Reconciler, Tellers
from revet.operator.runtime import REST_S
from tests.operator.runtime_scene import START, Scene, finding
from tests.operator.test_writer import Written


@pytest.fixture
def scene(context: Context) -> Scene:
    return Scene(context)


async def test_a_flip_is_told_at_once_and_counts_are_not(scene: Scene) -> None:
    scene.see()
    scene.hear()
    assert scene.verdict().violations.truth is Truth.FALSE
    told = 0
    before = scene.verdict()
    for second in range(100):
        scene.clock.at = START + second / 10
        scene.hear(finding(scene.clock.at, 1 + second * 1000))
        told += scene.verdict() is not before and scene.verdict().top != before.top
        before = scene.verdict()
    assert scene.verdict().violations.truth is Truth.TRUE
    assert 1 <= told <= 4
    scene.clock.at = START + REST_S + 1
    scene.hear(finding(scene.clock.at, 200_000))
    assert scene.verdict().top[0].count == "100+"


async def test_the_status_is_asked_for_only_when_something_is_new(scene: Scene) -> None:
    scene.see()
    scene.hear()
    key = await scene.context.statuses.get()
    scene.context.statuses.done(key)
    for _ in range(50):
        scene.clock.at += 1
        scene.hear()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await scene.context.statuses.get()


async def test_it_clears_by_time_alone(scene: Scene) -> None:
    scene.see()
    scene.hear(finding(START))
    scene.clock.at = START + 3599
    scene.hear()
    assert scene.verdict().violations.truth is Truth.TRUE
    scene.clock.at = START + 3600
    scene.hear()
    assert scene.verdict().violations.reason == "NoRecentViolations"
    # The ingest is heard no more: what was told stands for a while, then nothing is known.
    scene.write()
    scene.clock.at = START + 3600 + 11
    scene.watch.decide(())
    assert scene.verdict().feed.truth is Truth.TRUE
    scene.clock.at = START + 3600 + 901
    scene.watch.decide(())
    assert scene.verdict().violations.truth is Truth.UNKNOWN
    assert scene.verdict().feed.truth is Truth.UNKNOWN


async def test_without_an_ingest_nothing_is_known(scene: Scene) -> None:
    scene.context = replace(
        scene.context, settings=replace(scene.context.settings, ingest_service=None)
    )
    scene.restart()
    scene.see()
    scene.watch.decide(())
    assert scene.verdict().violations.truth is Truth.UNKNOWN
    assert "no revet-ingest is installed" in scene.verdict().feed.message


async def test_before_the_first_answer_nothing_is_said(scene: Scene) -> None:
    scene.see()
    scene.watch.decide(())
    assert scene.watch.verdict("p", "p") is None
    scene.clock.at += 5
    scene.watch.decide(())
    assert scene.verdict().violations.truth is Truth.UNKNOWN


async def test_a_policy_that_asks_no_more_is_told_nothing(scene: Scene) -> None:
    scene.see()
    scene.hear(finding(START))
    scene.see(generation=2, runtime=None)
    scene.hear()
    assert scene.watch.verdict("p", "p") is None


async def test_a_policy_made_anew_inherits_nothing(scene: Scene) -> None:
    scene.see()
    scene.hear(finding(START, 20))
    objects = Kept(scene)
    context = replace(scene.context, objects=objects)
    reconciler = Reconciler(context, Audit(context), None, Tellers(scene.watch.verdict))
    await reconciler.reconcile(Key("status", "p"))
    assert objects.status["runtime"] == "medium 10-99"
    # Its status is written before anything was decided about it.
    scene.see(uid="another")
    await reconciler.reconcile(Key("status", "p"))
    assert objects.status["runtimeFindings"] == []
    scene.hear()
    assert scene.verdict().violations.truth is Truth.FALSE
    assert not scene.verdict().top
    # What is to be said of another one is news, also where the same was said before.
    await reconciler.reconcile(await scene.context.statuses.get())
    assert objects.status["runtime"] == "none"
    scene.context.statuses.done(Key("status", "p"))
    scene.see(uid="a third")
    scene.hear()
    async with asyncio.timeout(1):
        assert await scene.context.statuses.get() == Key("status", "p")


async def test_rules_that_change_count_at_once(scene: Scene) -> None:
    scene.see()
    scene.hear(finding(START))
    scene.see(generation=2, runtime={"rules": [{"name": "r", "minSeverity": "critical"}]})
    scene.hear()
    assert scene.verdict().violations.truth is Truth.FALSE


async def test_a_namespace_that_is_selected_no_more_counts_no_more(scene: Scene) -> None:
    scene.see(namespaceSelector={"matchLabels": {"tier": "prod"}})
    picture = scene.context.picture
    picture.see_namespace(_namespace(1, tier="prod"), gone=False)
    scene.hear(finding(START), finding(START, namespace="gone"))
    assert len(scene.verdict().top) == 2
    picture.see_namespace(_namespace(2, tier="test"), gone=False)
    scene.see(generation=2, namespaceSelector={"matchLabels": {"tier": "prod"}})
    scene.clock.at += 5
    scene.hear()
    assert [each.namespace for each in scene.verdict().top] == ["gone"]


def _namespace(version: int, **labels: str) -> Manifest:
    metadata = {"name": "shop", "uid": "uid-shop", "resourceVersion": f"{version}"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {**metadata, "labels": labels}}


async def test_flips_of_many_policies_are_spread(scene: Scene) -> None:
    for number in range(20):
        scene.see(f"p{number}")
    scene.hear()
    told = [scene.watch.verdict(f"p{number}", f"p{number}") for number in range(20)]
    assert sum(each is not None for each in told) == 5
    for _ in range(8):
        scene.clock.at += 0.5
        scene.hear()
    assert all(scene.watch.verdict(f"p{number}", f"p{number}") for number in range(20))


async def test_an_event_for_what_is_new_or_worse(scene: Scene) -> None:
    scene.see()
    scene.hear(finding(START))
    scene.hear(finding(START, 2))
    scene.hear(finding(START, 3, severity=Severity.CRITICAL))
    first, worse = scene.notices.all
    assert (first.namespace, first.about.kind, first.about.uid) == ("shop", "Pod", "uid-web")
    assert first.related is not None
    assert (first.related.kind, first.related.name) == ("HardeningPolicy", "p")
    assert "falco 'Shell'; medium, observed, in shop/Deployment/web; by bash -i" in first.note
    assert "critical" in worse.note


async def test_a_storm_of_signatures_makes_few_events(scene: Scene) -> None:
    scene.see()
    scene.hear(*(finding(START, rule=f"r{number}") for number in range(500)))
    assert len(scene.notices.all) == 25


async def test_what_a_new_leader_is_told_again_makes_no_event(scene: Scene) -> None:
    scene.see()
    scene.clock.at = START + 600
    scene.restart()
    scene.hear(finding(START))
    assert scene.notices.all == []
    assert scene.verdict().violations.truth is Truth.TRUE


async def test_an_object_that_is_no_pod_is_told_of_at_the_policy(scene: Scene) -> None:
    scene.see()
    scene.hear(finding(START, pod="", pod_uid="", kind="secrets", workload="db"))
    [notice] = scene.notices.all
    assert (notice.namespace, notice.about.kind, notice.about.name) == (
        "default",
        "HardeningPolicy",
        "p",
    )


async def test_a_restart_of_everything_loses_no_condition(scene: Scene) -> None:
    scene.see()
    scene.hear(finding(START, 57))
    told = scene.verdict()
    scene.write()
    scene.clock.at = START + 1800
    scene.restart()
    scene.clock.at += 6
    scene.watch.decide(())
    assert scene.verdict().violations == told.violations
    # Neither did it become True for good.
    scene.clock.at = START + 3600 + REST_S
    scene.hear(instance="b")
    assert scene.verdict().violations.truth is Truth.FALSE


async def test_the_status_says_it(scene: Scene) -> None:
    scene.see()
    scene.hear(finding(START))
    objects = Kept(scene)
    context = replace(scene.context, objects=objects)
    reconciler = Reconciler(context, Audit(context), None, Tellers(scene.watch.verdict))
    await reconciler.reconcile(Key("status", "p"))
    said = {each["type"]: each["status"] for each in objects.status["conditions"]}
    assert (said["RuntimeViolations"], said["RuntimeFeedHealthy"]) == ("True", "True")
    assert objects.status["runtime"] == "medium 1"
    assert objects.status["runtimeFindings"][0]["workload"] == "web"
    # Written once: nothing is new. Where it is not asked for any more, nothing is left of it.
    await reconciler.reconcile(Key("status", "p"))
    assert objects.done == ["apply/status"]
    scene.see(generation=2, runtime=None)
    scene.hear()
    await reconciler.reconcile(Key("status", "p"))
    assert "RuntimeViolations" not in json.dumps(objects.status)
    assert "runtime" not in objects.status


class Kept(Written):
    """Objects that keep a policy's status as it was written last."""

    def __init__(self, scene: Scene) -> None:
        super().__init__()
        self.status: dict[str, Any] = {}
        self._scene = scene

    async def apply(self, manifest: Manifest, subresource: str = "") -> Manifest:
        """Answer with the policy that stands."""
        await super().apply(manifest, subresource)
        self.status = manifest["status"]
        standing = self._scene.context.picture.policies["p"].manifest
        version = {"resourceVersion": f"{self._scene.next()}"}
        return {
            **standing,
            "status": self.status,
            "metadata": {**standing["metadata"], **version},
        }
