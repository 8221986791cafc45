"""The queue: each key once, the earliest first, to one worker at a time."""

import asyncio

import pytest

from revet.operator.picture import CLUSTER, Key
from revet.operator.queue import Queue
from tests.operator.clock import Clock

A = Key("policy", "a")
B = Key("policy", "b")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queue(clock: Clock) -> Queue:
    return Queue(clock)


async def test_the_earliest_comes_first(queue: Queue, clock: Clock) -> None:
    queue.add(A, 2)
    queue.add(B, 1)
    queue.add(CLUSTER, 3)
    clock.now += 5
    assert [await queue.get() for _ in range(3)] == [B, A, CLUSTER]


async def test_a_key_comes_once_at_its_earliest_time(queue: Queue, clock: Clock) -> None:
    queue.add(A, 60)
    queue.add(A, 1)
    queue.add(A, 30)
    queue.add(B, 40)
    clock.now += 1
    assert await queue.get() == A
    clock.now += 60
    assert await queue.get() == B
    assert queue.late_s == 0


async def test_a_key_that_comes_again_and_again_overtakes_nobody(
    queue: Queue, clock: Clock
) -> None:
    queue.add(B)
    clock.now += 1
    queue.add(A)
    assert await queue.get() == B
    clock.now += 1
    queue.add(B)
    queue.done(B)
    assert await queue.get() == A
    assert await queue.get() == B


async def test_one_worker_at_a_time_has_a_key(queue: Queue) -> None:
    queue.add(A)
    assert await queue.get() == A
    queue.add(A)
    queue.add(B)
    assert await queue.get() == B
    waiting = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    assert not waiting.done()
    queue.done(A)
    assert await waiting == A


async def test_it_waits_for_what_is_not_due_yet() -> None:
    loop = asyncio.get_running_loop()
    queue = Queue(loop.time)
    began = loop.time()
    queue.add(A, 0.05)
    assert await queue.get() == A
    assert loop.time() - began >= 0.04


async def test_news_wake_who_waits(queue: Queue) -> None:
    queue.add(A, 1000)
    waiting = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    queue.add(B)
    assert await waiting == B


async def test_it_tells_that_nobody_works(queue: Queue, clock: Clock) -> None:
    assert queue.stalled_s == 0
    queue.add(A)
    queue.add(B)
    clock.now += 700
    assert (queue.late_s, queue.stalled_s) == (700, 700)
    await queue.get()
    assert (queue.late_s, queue.stalled_s) == (700, 0)
    await queue.get()
    clock.now += 700
    assert (queue.late_s, queue.stalled_s) == (0, 0)


async def test_rest_waits_for_what_is_due_and_taken(queue: Queue) -> None:
    await queue.rest(60)
    queue.add(A)
    resting = asyncio.create_task(queue.rest(60))
    await asyncio.sleep(0)
    assert await queue.get() == A
    await asyncio.sleep(0)
    assert not resting.done()
    queue.done(A)
    await resting


async def test_rest_counts_from_when_a_later_key_fell_due(queue: Queue, clock: Clock) -> None:
    queue.add(A, 30)
    clock.now += 31
    waiting = asyncio.create_task(queue.rest(5))
    await asyncio.sleep(0)
    assert not waiting.done()
    await queue.get()
    working = asyncio.create_task(queue.rest(5))
    await asyncio.sleep(0)
    assert not working.done()
    queue.done(A)
    await asyncio.gather(waiting, working)
    clock.now += 5
    queue.add(A)
    clock.now += 5
    await queue.rest(5)


async def test_rest_waits_no_longer_than_it_was_told_since_the_last_rest(
    queue: Queue, clock: Clock
) -> None:
    queue.add(A)
    clock.now += 5
    queue.add(B)
    await queue.rest(5)


async def test_of_what_is_due_at_once_namespaces_come_last(queue: Queue) -> None:
    namespaces = [Key("namespace", name) for name in "abc"]
    queue.add_all((*namespaces, B, CLUSTER))
    assert [await queue.get() for _ in range(5)] == [B, CLUSTER, *namespaces]
