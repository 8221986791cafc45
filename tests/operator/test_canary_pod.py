"""What runs in the canary's pods, on this machine's own network."""

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.cluster.process import free_port
from revet.core.canary_exit import Exit
from revet.operator import canary_pod
from revet.operator.canary_pod import compare, connects, reach, serve

HOST = "127.0.0.1"


@pytest.fixture
def ports() -> Iterator[tuple[int, int]]:
    """Serve two ports, as the server's pod does."""
    pair = (free_port(), free_port())
    serving, end = serve(pair), threading.Event()
    next(serving)

    def work() -> None:
        while not end.is_set():
            next(serving)

    thread = threading.Thread(target=work)
    thread.start()
    yield pair
    end.set()
    connects(HOST, pair[0])
    thread.join()
    serving.close()


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canary_pod, "_ROUND_S", 0.01)
    monkeypatch.setattr(canary_pod, "_CONNECT_S", 0.2)


@pytest.fixture
def full() -> Iterator[int]:
    """Give a port whose connections come to nothing, as where packets are dropped."""
    with socket.create_server((HOST, 0), backlog=0) as server:
        port: int = server.getsockname()[1]
        with socket.create_connection((HOST, port)):
            while connects(HOST, port):
                pass
            yield port


def test_a_connection_is_waited_for(ports: tuple[int, int]) -> None:
    assert reach(HOST, ports[0], 5) is Exit.SHOWN
    assert reach(HOST, free_port(), 0.1) is Exit.UNCLEAR


def test_both_are_made_where_nothing_is_enforced(ports: tuple[int, int]) -> None:
    assert compare(HOST, *ports, 0.5) is Exit.THROUGH


def test_one_that_is_refused_or_comes_to_nothing_is_dropped(
    ports: tuple[int, int], full: int
) -> None:
    assert compare(HOST, ports[0], free_port(), 5) is Exit.SHOWN
    assert compare(HOST, ports[0], full, 5) is Exit.SHOWN


def test_a_server_that_is_gone_says_nothing(ports: tuple[int, int]) -> None:
    assert compare(HOST, free_port(), free_port(), 0.3) is Exit.UNCLEAR
    assert compare(HOST, free_port(), ports[1], 0.3) is Exit.UNCLEAR


def test_one_lost_packet_is_no_proof(
    ports: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def loses_some(host: str, port: int) -> bool:
        asked.append(port)
        return asked.count(ports[1]) % 3 == 0 if port == ports[1] else connects(host, port)

    monkeypatch.setattr(canary_pod, "connects", loses_some)
    assert compare(HOST, *ports, 0.5) is Exit.UNCLEAR


def test_it_is_a_program_that_imports_little(ports: tuple[int, int]) -> None:
    program = str(Path(sys.executable).parent / "revet-canary")
    command = [program, "compare", HOST, str(ports[0]), str(free_port()), "--within=20"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (Exit.SHOWN, "")
    code = "import sys, revet.operator.canary_pod; print(*sys.modules)"
    isolated = [sys.executable, "-c", code]
    loaded = subprocess.run(isolated, capture_output=True, text=True, check=True, timeout=60)
    assert not {"pydantic", "msgspec", "aiohttp", "kopf"}.intersection(loaded.stdout.split())
