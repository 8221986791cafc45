"""Several at a time: as many requests under way as the API server takes well, and no more."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


async def run_in_lanes(
    items: Iterable[T], work: Callable[[T], Awaitable[None]], lanes: int
) -> None:
    """Work on each item, on so many at a time; an error ends it all."""
    left = iter(items)
    async with asyncio.TaskGroup() as tasks:
        for _ in range(lanes):
            tasks.create_task(_run(left, work))


async def _run(left: Iterator[T], work: Callable[[T], Awaitable[None]]) -> None:
    for item in left:
        # Where there is nothing to wait for, others must have their turn all the same.
        await asyncio.sleep(0)
        await work(item)
