"""Takes what the doors have read through the pipeline, in small portions, beside the answers."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from revet.core.model.policy_runtime import Source
from revet.core.runtime.event import RuntimeEvent
from revet.core.runtime.feed import Loss
from revet.core.runtime.pipeline import Pipeline, Result
from revet.ingest.metrics import Metrics

MOST_WAITING: Final = 20_000
_AT_ONCE: Final = 50  # a millisecond's worth: answers must not wait for more
_RETRIED_AT_ONCE: Final = 500
_RETRY_S: Final = 1.0


class Worker:
    """A bounded queue, and who works it off."""

    def __init__(
        self,
        pipeline: Pipeline,
        metrics: Metrics,
        clock: Callable[[], float],
        is_synced: Callable[[], bool],
        fail: Callable[[BaseException], None],
    ) -> None:
        """Set up; `clock` gives seconds since the epoch, `fail` is told of errors of our own.

        Nothing is taken out before `is_synced`: pods that were not listed yet would be missed.
        """
        self._pipeline = pipeline
        self._metrics = metrics
        self._clock = clock
        self._is_synced = is_synced
        self._fail = fail
        self._waiting: deque[RuntimeEvent] = deque()
        self._news = asyncio.Event()
        self._is_idle = asyncio.Event()
        self._is_idle.set()

    @property
    def waiting(self) -> int:
        """How many events wait."""
        return len(self._waiting)

    def offer(self, events: Sequence[RuntimeEvent]) -> bool:
        """Take events, all or none; return whether there was room."""
        if len(self._waiting) + len(events) > MOST_WAITING:
            return False
        self._waiting.extend(events)
        self._news.set()
        self._is_idle.clear()
        return True

    def lose(self, source: Source, reason: Loss, node: str = "", count: int = 1) -> None:
        """Note that events were lost."""
        self._pipeline.feed.lose(source, reason, self._clock(), node, count)
        self._metrics.dropped.labels(source, reason).inc(count)

    async def rest(self) -> None:
        """Wait until nothing waits."""
        await self._is_idle.wait()

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._work())
            tasks.create_task(self._look_again())

    async def _work(self) -> None:
        while not self._is_synced():  # noqa: ASYNC110 -- several watches, none of which tells
            await asyncio.sleep(_RETRY_S / 10)
        while True:
            if not self._waiting:
                self._news.clear()
                self._is_idle.set()
                await self._news.wait()
            now = self._clock()
            for _ in range(min(_AT_ONCE, len(self._waiting))):
                event = self._waiting.popleft()
                self._note(event, self._take(event, now))
            await asyncio.sleep(0)

    def _take(self, event: RuntimeEvent, now: float) -> Result:
        try:
            return self._pipeline.take(event, now)
        except Exception as error:  # noqa: BLE001 -- one odd event must not stop all the others
            self._fail(error)
            return Result.FAILED

    async def _look_again(self) -> None:
        while True:
            await asyncio.sleep(_RETRY_S)
            if not self._is_synced():
                continue
            try:
                for _ in range(-(-self._pipeline.held // _RETRIED_AT_ONCE)):
                    for event, result in self._pipeline.retry(self._clock(), _RETRIED_AT_ONCE):
                        self._note(event, result)
                    await asyncio.sleep(0)
                self._pipeline.expire(self._clock())
            except Exception as error:  # noqa: BLE001 -- as above
                self._fail(error)

    def _note(self, event: RuntimeEvent, result: Result) -> None:
        self._metrics.count_event(event.source, result)
