"""Counts the turns of the event loop: whether others come to work while much is done."""

import asyncio
from collections.abc import Coroutine


async def count_turns(work: Coroutine[object, object, object]) -> int:
    """Return how often others had their turn while `work` went on."""
    turns = 0

    async def tick() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    ticking = asyncio.create_task(tick())
    try:
        await work
    finally:
        ticking.cancel()
    return turns
