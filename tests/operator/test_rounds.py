"""The rounds of running images: who is asked when, what is kept of the answers, who hears of it."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest

from revet.core.compiled_policy import CompiledPolicy, apply
from revet.core.last_found import Result
from revet.core.model.condition import Truth
from revet.core.model.image_facts import NOT_ASKED
from revet.core.workload import read
from revet.operator import rounds as module
from revet.operator.context import Context
from revet.operator.inquiry import Untold
from tests.operator.running import BAD, DOWN, PROD, World, applied_by, at, image
from tests.support.policy_builder import build_policy
from tests.webhook.harness import until


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no time go by between two questions; what paces them has a test of its own."""
    monkeypatch.setattr(module, "_GAP_S", 0.0)
    monkeypatch.setattr(module, "_SOON_S", 0.01)


@pytest.fixture
def make(context: Context) -> Callable[[float], World]:
    """Give what makes a world with a period."""
    return lambda period_s: World(context, period_s)


@pytest.fixture
async def world(make: Callable[[float], World]) -> World:
    return make(3600.0)


async def test_a_digest_is_asked_about_once_however_many_run_it(world: World) -> None:
    for number in range(50):
        world.see(f"p{number}", image(1), image(2))
    async with world.going():
        await until(lambda: len(world.touched) == 100)
        assert sorted(world.webhook.asked) == [image(1), image(2)]
        # All pods that run it hear of it, and then know it.
        assert world.see("p7", image(1)) == []
        assert world.see("new", image(2)) == []
    assert sorted(world.webhook.asked) == [image(1), image(2)]


async def test_a_verdict_that_stays_is_no_news(make: Callable[[float], World]) -> None:
    world = make(0.02)
    world.webhook.answers[image(1)] = BAD
    assert [each.is_unknown for each in world.see("web", image(1))] == [True]
    async with world.going():
        await until(lambda: len(world.webhook.asked) > 5)
        assert world.touched == [at("web")]
        assert world.see("web", image(1)) == list(BAD)
        world.webhook.answers[image(1)] = ()
        await until(lambda: len(world.touched) == 2)
        assert world.see("web", image(1)) == []


async def test_an_outage_is_told_with_the_last_verdict(make: Callable[[float], World]) -> None:
    world = make(0.02)
    world.webhook.answers[image(1)] = BAD
    world.see("web", image(1))
    async with world.going():
        await until(lambda: len(world.touched) == 1)
        world.webhook.answers[image(1)] = DOWN
        await until(lambda: len(world.touched) == 2)
        [fault] = world.see("web", image(1))
        assert fault.is_unknown
        assert fault.text == (
            "r.example: answered 503; when it was last verified, 2026-01-02T00:00Z: no signature"
        )
        assert world.rounds.told("strict") == (
            Truth.UNKNOWN,
            "NotTold",
            f"1 could not be verified, such as {image(1)}: {fault.text}",
        )
        assert world.metric('revet_running_images{result="unknown"} 1.0')
        world.now += timedelta(milliseconds=10)
        asked = len(world.webhook.asked)
        await until(lambda: len(world.webhook.asked) > asked + 2)
        # The same answer again is no news, and so nothing is written.
        assert len(world.touched) == 2
        world.webhook.answers[image(1)] = ()
        await until(lambda: len(world.touched) == 3)
        assert world.see("web", image(1)) == []


async def test_no_more_than_some_are_asked_about_at_once(world: World) -> None:
    world.webhook.may_answer.clear()
    for number in range(40):
        world.see(f"p{number}", image(number, f"r{number % 4}.example"))
    assert world.metric("revet_running_images_due 40.0")
    async with world.going():
        await until(lambda: world.webhook.running == module._AT_ONCE)
        assert world.metric('revet_running_images{result="pending"} 40.0')
        world.webhook.may_answer.set()
        await until(lambda: len(world.touched) == 40)
    assert world.webhook.most == module._AT_ONCE
    assert len(world.webhook.asked) == 40
    assert world.metric('revet_running_images{result="verified"} 40.0')
    assert world.metric("revet_running_images_age_seconds 0.0")


async def test_a_slow_registry_holds_up_no_other(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_BUSY_S", 0.01)
    world.webhook.may_answer.clear()
    world.webhook.slow = "a.example"
    for number in range(30):
        world.see(f"slow{number}", image(number, "a.example"))
        world.see(f"quick{number}", image(number, "z.example"))
    async with world.going():
        await until(lambda: len(world.touched) == 30)
        assert {place[1][1][:5] for place in world.touched} == {"quick"}
        assert sum("a.example" in each for each in world.webhook.asked) == module._MOST_OF_ONE
        world.webhook.may_answer.set()
        await until(lambda: len(world.touched) == 60)
    assert len(world.webhook.asked) == 60


async def test_one_begins_some_time_after_the_other(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_GAP_S", 0.05)
    for number in range(5):
        world.see(f"p{number}", image(number))
    began = asyncio.get_running_loop().time()
    async with world.going():
        await until(lambda: len(world.touched) == 5)
    assert asyncio.get_running_loop().time() - began >= 4 * 0.05


async def test_where_nobody_can_be_asked_all_wait(world: World) -> None:
    for number in range(30):
        world.webhook.answers[image(number)] = Untold("nobody is there", is_nobody=True)
        world.see(f"p{number}", image(number))
    async with world.going():
        await until(lambda: len(world.webhook.asked) > 3 * module._AT_ONCE)
        assert world.touched == []
        assert [each.text for each in world.see("p1", image(1))] == ["it has not been verified yet"]
        assert world.rounds.told("strict")[:2] == (Truth.UNKNOWN, "Verifying")
        world.webhook.answers.clear()
        await until(lambda: len(world.touched) == 30)


async def test_what_nobody_renews_counts_no_more(world: World) -> None:
    world.see("web", image(1))
    async with world.going():
        await until(lambda: world.touched)
    world.now += timedelta(seconds=2 * 3600 + 600)
    assert world.see("web", image(1)) == []
    world.now += timedelta(seconds=1)
    [fault] = world.see("web", image(1))
    assert fault.is_unknown
    assert "it was not verified for too long" in fault.text


async def test_what_runs_no_more_is_forgotten(world: World) -> None:
    world.see("web", image(1), image(2))
    world.see("api", image(2))
    world.rounds.forget(at("web"))
    world.rounds.forget(at("web"))
    async with world.going():
        await until(lambda: world.touched)
        assert world.webhook.asked == [image(2)]
        # A policy that asks for nothing, or none at all, is no reason to ask.
        none = apply([CompiledPolicy.of(build_policy())], "shop", PROD, frozenset())
        document = b'{"metadata": {"name": "api"}}'
        facts = world.rounds.see(at("api"), read("", "Pod", document), document, none)
        assert facts is NOT_ASKED
        assert not world.rounds._images
        assert world.rounds._roster.next_due() == float("inf")


async def test_a_pod_that_goes_while_it_is_asked_about(world: World) -> None:
    world.webhook.may_answer.clear()
    world.see("web", image(1))
    async with world.going():
        await until(lambda: world.webhook.running == 1)
        world.rounds.forget(at("web"))
        world.webhook.may_answer.set()
        await until(lambda: world.webhook.running == 0)
        world.see("api", image(2))
        await until(lambda: world.touched)
    assert world.touched == [at("api")]


async def test_each_policy_is_told_of_its_own(world: World) -> None:
    world.webhook.answers[image(1)] = BAD
    both = applied_by("one", "two")
    world.see("web", image(1), policies=both[:1])
    world.see("api", image(2), policies=both)
    async with world.going():
        await until(lambda: len(world.touched) == 2)
    assert world.rounds.told("one")[:2] == (Truth.FALSE, "NotVerified")
    assert world.rounds.told("two")[:2] == (Truth.TRUE, "Verified")
    assert world.rounds.told("three")[:2] == (Truth.TRUE, "NothingRuns")
    assert sorted(world.webhook.asked) == [image(1), image(2)]


async def test_there_is_an_end_to_what_is_remembered(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST", 3)
    told = [world.see(f"p{number}", image(number)) for number in range(5)]
    assert ["are verified" in each[0].text for each in told] == [False] * 3 + [True] * 2
    assert all(each[0].is_unknown for each in told)


async def test_the_first_count_waits_for_the_first_turns(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_BUSY_S", 0.01)
    world.webhook.may_answer.clear()
    for number in range(6):
        world.see(f"p{number}", image(number))
    async with world.going():
        waiting = asyncio.create_task(world.rounds.settle(60))
        await until(lambda: world.webhook.running == module._MOST_OF_ONE)
        assert not waiting.done()
        world.webhook.may_answer.set()
        await waiting
        assert len(world.webhook.asked) == 6
    # Where there is nothing to wait for, or nobody, it does not.
    world.webhook.answers[image(7)] = Untold("nobody is there", is_nobody=True)
    await world.rounds.settle(60)
    world.see("late", image(7))
    await world.rounds.settle(0)
    async with world.going():
        await world.rounds.settle(60)
    assert world.rounds.count()[Result.PENDING] == 1
