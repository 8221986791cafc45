"""A webhook that allows everything and keeps what it was asked: which calls the API server makes.

Apart from ours, since a call is to be seen whatever controls judge the object that it is about.
"""

import json
import ssl
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from e2e.cluster.controlplane import ControlPlane


@dataclass(frozen=True)
class Call:
    """One review: the door that it came by, and what it is about."""

    door: str
    operation: str
    kind: str
    name: str


class Recorder:
    """Serves on a free port of loopback with a certificate of the plane's; a context manager."""

    def __init__(self, plane: ControlPlane) -> None:
        credential = plane.authority.issue_server("recorder", ["127.0.0.1"])
        certificate, key = plane.pki / "recorder.crt", plane.pki / "recorder.key"
        key.write_bytes(credential.key)
        certificate.write_bytes(credential.certificate)
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(certificate, key)
        #: Every review, in the order of their answers.
        self.calls: list[Call] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self.calls))
        self._server.socket = tls.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self._thread = threading.Thread(target=self._server.serve_forever)

    @property
    def url(self) -> str:
        """Where reviews are sent."""
        return f"https://127.0.0.1:{self._server.server_address[1]}"

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
        # Its threads are daemons: they end with the API server's connections.
        self._server.server_close()

    def about(self, name: str) -> list[Call]:
        """Return the calls about objects of that name."""
        return [call for call in self.calls if call.name == name]


def _handler(calls: list[Call]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            review = json.loads(self.rfile.read(length))
            asked = review["request"]
            door = self.path.split("/")[1]
            calls.append(Call(door, asked["operation"], asked["kind"]["kind"], asked["name"]))
            review["response"] = {"uid": asked["uid"], "allowed": True}
            del review["request"]
            body = json.dumps(review).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- as its parent
            pass

    return Handler
