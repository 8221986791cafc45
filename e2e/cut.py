"""An HTTP proxy before the API server that tells of each write, so that a test can act between.

What it forwards goes over TLS; what it takes is plain HTTP on loopback.
"""

import http.client
import socket
import ssl
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from e2e.cluster.controlplane import ControlPlane

_READS: Final = frozenset({"GET", "HEAD"})
_CHUNK: Final = 65536
_PASSED_ON: Final = ("Accept", "Authorization", "Content-Type")


@dataclass(frozen=True)
class Write:
    """A request that changes something; `status` is 0 until the API server has answered."""

    method: str
    path: str
    status: int = 0


def _do_nothing(_: Write) -> None:
    pass


class Cut:
    """Forwards requests to the API server; a context manager.

    `before` is called with a write that has not reached the API server, `after` with one whose
    answer has not reached the client; both may wait. Writes of Leases are passed on unseen.
    """

    def __init__(self, plane: ControlPlane) -> None:
        self.before: Callable[[Write], None] = _do_nothing
        self.after: Callable[[Write], None] = _do_nothing
        self.writes: list[Write] = []
        self._plane = plane
        self._tls = ssl.create_default_context(cadata=plane.ca_pem.decode())
        self._sockets: set[socket.socket] = set()
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self.hang_up()
        self._server.server_close()  # waits for its threads

    def kubeconfig(self, of: Path) -> Path:
        """Write a copy of a kubeconfig that leads through here."""
        path = of.with_name(f"cut-{of.name}")
        own = f"http://127.0.0.1:{self._server.server_port}"
        path.write_text(of.read_text().replace(self._plane.url, own))
        return path

    def pass_all(self) -> None:
        """Forget what was counted, and let everything through."""
        self.before = self.after = _do_nothing
        self.writes = []

    def hang_up(self) -> None:
        """End what goes on: a client that is dead does not tell that it watches no longer."""
        for each in list(self._sockets):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def dial(self, client: socket.socket) -> http.client.HTTPSConnection:
        """Connect to the API server, for a client."""
        connection = http.client.HTTPSConnection("127.0.0.1", self._plane.port, context=self._tls)
        connection.connect()
        self._sockets |= {client, connection.sock}
        return connection

    def drop(self, client: socket.socket, connection: http.client.HTTPSConnection) -> None:
        """End a connection that was dialled."""
        self._sockets -= {client, connection.sock}
        connection.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # so that the end waits for them

    def __init__(self, cut: Cut) -> None:
        self.cut = cut
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing where one side has hung up: that is what we are here for."""
        if not isinstance(sys.exc_info()[1], OSError | http.client.IncompleteRead):
            super().handle_error(request, client_address)  # type: ignore[arg-type] # the base takes any


class _Handler(BaseHTTPRequestHandler):
    """One connection of a client, with one of its own to the API server."""

    protocol_version = "HTTP/1.1"
    server: _Server

    def setup(self) -> None:
        super().setup()
        self._far = self.server.cut.dial(self.connection)

    def finish(self) -> None:
        self.server.cut.drop(self.connection, self._far)
        with suppress(OSError):
            super().finish()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401 -- the base's
        """Log nothing."""

    def _forward(self) -> None:
        cut = self.server.cut
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        seen = self.command not in _READS and "/leases" not in self.path
        write = Write(self.command, self.path.partition("?")[0])
        if seen:
            cut.before(write)
        headers = {name: self.headers[name] for name in _PASSED_ON if name in self.headers}
        self._far.request(self.command, self.path, body or None, headers)
        answer = self._far.getresponse()
        if seen:
            write = Write(write.method, write.path, answer.status)
            cut.writes.append(write)
            cut.after(write)
        self._pass_back(answer)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _forward  # noqa: N815 -- the base's names

    def _pass_back(self, answer: http.client.HTTPResponse) -> None:
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in {"content-length", "transfer-encoding", "connection"}:
                self.send_header(name, value)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        # As it comes: a watch never ends.
        while data := answer.read1(_CHUNK):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        answer.close()  # it does not notice by itself that it is at its end
        self.wfile.write(b"0\r\n\r\n")
