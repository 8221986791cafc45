"""A TCP proxy that can hold everything back: what a slow or cut network does to a watch."""

import contextlib
import socket
import threading
from types import TracebackType
from typing import Final, Self

_CHUNK: Final = 65536


class Proxy:
    """Forwards a port of loopback to another, while it is open; a context manager.

    The listener may be one that was made elsewhere; it is closed at the end.
    """

    def __init__(self, target: int, listener: socket.socket | None = None) -> None:
        self._target = target
        self._listener = listener or socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open = threading.Event()
        self._open.set()
        self._ended = False
        self._sockets: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended = True
        self._open.set()
        # Shut, not only closed: it wakes the threads that wait on them.
        for each in (self._listener, *self._sockets):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in self._threads:
            thread.join()

    def hold(self) -> None:
        """Hold back all bytes, both ways; connections stay up."""
        self._open.clear()

    def release(self) -> None:
        """Forward what was held back, and everything that comes."""
        self._open.set()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                if self._ended:
                    return
                near.close()
                continue
            self._sockets += (near, far)
            for source, sink in ((near, far), (far, near)):
                thread = threading.Thread(target=self._pump, args=(source, sink))
                self._threads.append(thread)
                thread.start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(_CHUNK):
                self._open.wait()
                sink.sendall(data)
        except OSError:
            pass  # one side has hung up, or we have ended
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)
