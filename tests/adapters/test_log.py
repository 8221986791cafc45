"""The log: lines of the process's own loop, and what libraries log from wherever they run."""

import asyncio
import io
import json
import logging
import threading
from collections.abc import Callable

from revet.adapters.log import LibraryHandler, Log


async def test_what_a_library_says_on_a_thread_is_written_on_the_loop() -> None:
    loop = asyncio.get_running_loop()
    stream = io.BytesIO()
    writers: list[threading.Thread] = []

    def call_soon(flush: Callable[[], None]) -> None:
        writers.append(threading.current_thread())
        loop.call_soon(flush)

    handler = LibraryHandler(Log(stream, lambda: "now", call_soon), loop)
    await asyncio.to_thread(handler.emit, _record("from a thread"))
    handler.emit(_record("from the loop"))
    await asyncio.sleep(0.01)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [each["message"] for each in lines] == ["from a thread", "from the loop"]
    assert set(writers) == {threading.main_thread()}


def test_what_comes_after_the_loop_is_no_failure() -> None:
    loop = asyncio.new_event_loop()
    log = Log(io.BytesIO(), lambda: "now", loop.call_soon)
    loop.close()
    LibraryHandler(log, loop).emit(_record("late"))


def _record(message: str) -> logging.LogRecord:
    return logging.LogRecord("urllib3", logging.WARNING, __file__, 1, message, None, None)
