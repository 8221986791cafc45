"""The leader's part in holding images: what it looks at, writes, tells, and never does."""

import io
import json
from typing import Any

import pytest

from revet.adapters.kube import KubeError
from revet.core.model.policy_runtime import Severity
from revet.core.model.policy_status import MOST_HELD
from revet.core.runtime.findings import Suspect
from revet.operator import image_holds
from revet.operator.context import Context
from revet.operator.image_holds import ImageHolds, word_images
from revet.operator.responding import MOST_WAITING
from tests.operator.hold_desk import BAD, RESPOND, Desk, suspect
from tests.operator.runtime_scene import START, finding
from tests.webhook.harness import until


@pytest.fixture
def desk(context: Context, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr(image_holds, "_PAUSE_S", 0.0)
    return Desk(context)


async def test_an_image_is_held_once_and_its_owner_is_told(desk: Desk) -> None:
    assert desk.review() == {"p"}
    async with desk.run():
        for _ in range(5):
            desk.offer()
        await until(lambda: desk.counted("held") == 1)
        desk.offer()
        desk.have_pod("web-2", BAD)
        desk.offer(suspect("web-2"))
        await until(lambda: not desk.holds._turns.waiting)
    assert desk.cluster.writes == 1
    assert [each["digest"] for each in desk.listed()] == [BAD]
    assert desk.reasons() == [
        f"ImageHeld {each}" for each in ("HardeningPolicy", "Pod", "ReplicaSet")
    ]
    assert word_images(desk.context.picture.policies["p"]) == f"registry.example/app@{BAD[:19]}"
    assert (desk.review(), desk.review()) == ({"p"}, set())
    assert b'revet_held_images{policy="p"} 1.0' in desk.context.metrics.expose()


async def test_a_flood_of_images_is_written_in_a_few_lists_and_bounded(desk: Desk) -> None:
    for number in range(10_000):
        desk.have_pod(f"web-{number}", f"sha256:{number:064x}")
    async with desk.run():
        for number in range(10_000):
            desk.offer(suspect(f"web-{number}"))
        await until(lambda: not desk.holds._turns.waiting)
    assert desk.counted("crowded") == 10_000 - MOST_WAITING
    assert desk.counted("dropped") == MOST_WAITING - MOST_HELD
    assert (len(desk.listed()), desk.cluster.writes) == (MOST_HELD, 1)
    assert "no room is left" in word_images(desk.context.picture.policies["p"])


@pytest.mark.parametrize(
    ("container", "digest", "said"),
    [
        ("app", "", "nothing names a digest of a registry for container app"),
        ("", BAD, "nothing names a digest of a registry for which container"),
    ],
)
async def test_an_unknown_image_is_not_held_and_that_is_told(
    desk: Desk, container: str, digest: str, said: str
) -> None:
    desk.have_pod("web-1", digest)
    async with desk.run():
        desk.offer(container=container)
        for _ in range(6):
            await until(lambda: all(each.due > desk.clock.at for each in _waiting(desk)))
            desk.later()
        await until(lambda: desk.counted("unknown") == 1)
    assert (desk.listed(), desk.reasons()) == ([], ["ImageNotHeld Pod"])
    assert said in desk.notices.all[0].note


async def test_of_a_pod_that_is_gone_nobody_can_say_what_it_ran(desk: Desk) -> None:
    async with desk.run():
        desk.offer(suspect("gone"))
        desk.have_pod("other", BAD)
        desk.offer(Suspect("other", "another-uid", Severity.CRITICAL, START))
        await until(lambda: desk.counted("unknown") == 2)
    assert (desk.listed(), desk.reasons()) == ([], ["ImageNotHeld Pod"] * 2)


async def test_nothing_is_held_where_nothing_may_be(desk: Desk) -> None:
    desk.have("kube-system")
    desk.have("broken", labels={"revet.dev/break-glass": "x"})
    for namespace in ("kube-system", "broken", "nobody-knows"):
        desk.offer(namespace=namespace)
    # Who has not proven to speak for a node makes no suspect.
    desk.offer(policy="p", suspects=())
    desk.offer(Suspect("web-1", "uid-web-1", Severity.MEDIUM, START))
    changes: list[dict[str, Any]] = [
        {"runtime": RESPOND, "namespaceSelector": {"matchLabels": {"a": "b"}}},
        {"runtime": {**RESPOND, "rules": [{"name": "r", "ruleNames": ["other"]}]}},
        {"runtime": {"respond": [{"action": "Quarantine"}]}},
        {"runtime": {}},
    ]
    for spec in changes:
        desk.scene.see(generation=2, **spec)
        desk.offer()
    assert desk.holds._turns.waiting == {}
    desk.scene.see(generation=3, runtime=RESPOND)
    desk.offer()
    desk.scene.see(generation=4, runtime=RESPOND, podSelector={"matchLabels": {"app": "db"}})
    async with desk.run():
        await until(lambda: not desk.holds._turns.waiting)
    assert (desk.listed(), desk.reasons()) == ([], [])


async def test_what_fails_is_tried_again_and_then_told(desk: Desk) -> None:
    desk.cluster.refuses = [KubeError("the list is another", 422)]
    async with desk.run():
        desk.offer()
        await until(lambda: any(each.failures for each in _waiting(desk)))
        desk.later()
        await until(lambda: desk.counted("held") == 1)
        desk.cluster.refuses = [KubeError("no right to", 403)] * 6
        desk.have_pod("db-1", f"sha256:{'d' * 64}")
        desk.offer(suspect("db-1"))
        for failures in range(1, 6):
            await until(lambda: any(each.failures == failures for each in _waiting(desk)))  # noqa: B023
            desk.later()
        await until(lambda: desk.counted("failed") == 1)
    assert "no right to" in desk.notices.all[-1].note


async def test_a_release_is_told_once(desk: Desk) -> None:
    async with desk.run():
        desk.offer()
        await until(desk.listed)
    desk.review()
    desk.list_images([{**desk.listed()[0], "released": "2027-01-15T08:00:00Z"}])
    assert desk.review() == {"p"}
    assert desk.review() == set()
    assert desk.reasons()[-1] == "ImageReleased HardeningPolicy"
    assert desk.counted("released") == 1
    assert word_images(desk.context.picture.policies["p"]) == ""
    # A new leader does not tell it again.
    ImageHolds(desk.context, desk.notices).review(desk.context.picture.policies.values())
    assert desk.counted("released") == 1


async def test_a_list_that_nobody_asks_for_any_more_is_emptied(desk: Desk) -> None:
    async with desk.run():
        desk.offer()
        await until(desk.listed)
        desk.scene.see(generation=2, runtime={})
        assert word_images(desk.context.picture.policies["p"]) == ""
        desk.review()
        await until(lambda: desk.listed() == [])
    manifest = desk.context.picture.policies["p"].manifest
    desk.context.picture.see_policy(manifest, gone=True)
    desk.review()
    assert b"revet_held_images{" not in desk.context.metrics.expose()


async def test_the_condition_names_what_is_held(desk: Desk) -> None:
    listed = {
        "digest": BAD,
        "image": "registry.example/app",
        "severity": "high",
        "because": "falco 'Shell', high",
        "workload": "shop/Deployment/web",
        "since": "2027-01-15T08:00:00Z",
    }
    desk.list_images([json.loads(json.dumps(listed))])
    desk.scene.hear(finding(START))
    assert desk.scene.verdict().violations.message.endswith(
        f"; images held: registry.example/app@{BAD[:19]}"
    )


def _waiting(desk: Desk) -> list[Any]:
    return list(desk.holds._turns.waiting.values())


def _logged(desk: Desk, output: io.BytesIO) -> bytes:
    desk.context.log.flush()
    return output.getvalue()


async def test_an_odd_finding_does_not_end_the_leader(
    desk: Desk, output: io.BytesIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ValueError("odd")

    async with desk.run():
        with monkeypatch.context() as broken:
            broken.setattr(image_holds, "put_on", fail)
            desk.offer()
            await until(lambda: b"odd" in _logged(desk, output))
        desk.have_pod("web-2", BAD)
        desk.offer(suspect("web-2"))
        await until(lambda: desk.counted("held") == 1)
