"""The connections of the admission port: made, closed when nothing comes by them, and ended."""

import asyncio
from collections.abc import Callable
from email.utils import formatdate
from http import HTTPStatus
from typing import Final

from revet.webhook.connection import Connection
from revet.webhook.exchange import Admitted, Head

#: How many large bodies are read at once: who sends many must not fill our memory.
_MOST_LARGE: Final = 8
_LOOK_EVERY_S: Final = 1.0


class Server:
    """Hosts connections; to asyncio it is what makes their protocols."""

    def __init__(
        self,
        admit: Callable[[Head], Admitted],
        note_refusal: Callable[[HTTPStatus], None],
        fail: Callable[[Exception], None],
    ) -> None:
        """Start without a connection.

        `admit` lets a request in, or raises RefusedError; `note_refusal` and `fail` are told of
        what is answered instead, and of errors in ourselves.
        """
        self.admit = admit
        self.note_refusal = note_refusal
        self.fail = fail
        #: Whether no more should come: each answer then asks the caller to connect anew.
        self.is_draining = False
        self.connections: set[Connection] = set()
        self.date = formatdate(usegmt=True)
        self._loop = asyncio.get_running_loop()
        self._room = asyncio.Semaphore(_MOST_LARGE)
        #: How many large bodies are being read.
        self.large = 0

    def __call__(self) -> Connection:
        """Make the protocol of a new connection."""
        return Connection(self, self._loop)

    def opened(self, connection: Connection) -> None:
        """Take note of a new connection."""
        self.connections.add(connection)

    def closed(self, connection: Connection) -> None:
        """Forget a connection."""
        self.connections.discard(connection)

    async def enter_large(self) -> None:
        """Wait until there is room for a large body."""
        await self._room.acquire()
        self.large += 1

    def leave_large(self) -> None:
        """Give that room back."""
        self._room.release()
        self.large -= 1

    async def run(self) -> None:
        """Look after what is due, until cancelled: a timer for each request would cost more."""
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            self.date = formatdate(usegmt=True)
            now = self._loop.time()
            for each in [each for each in self.connections if each.due < now]:
                each.expire()

    async def end(self, grace_s: float) -> None:
        """Close what is idle at once, and the rest when it is answered, or after `grace_s`."""
        self.is_draining = True
        for each in [each for each in self.connections if each.is_idle]:
            each.close()
        end = self._loop.time() + grace_s
        while self.connections and self._loop.time() < end:  # noqa: ASYNC110 -- nobody tells
            await asyncio.sleep(_LOOK_EVERY_S / 20)
        for each in list(self.connections):
            each.abort()
