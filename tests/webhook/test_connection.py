"""HTTP as the admission port speaks it: what it takes, what it refuses, and when it hangs up."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from revet.webhook import connection, server
from tests.support.manifests import good_pod, policy
from tests.support.reviews import paths, review
from tests.webhook.harness import Harness, until

POLICY = policy("strict", {"tier": "prod"}, enforcement="Enforce")
[PATH] = paths(POLICY)
BODY = json.dumps(review(good_pod())).encode()
LARGE = BODY + b" " * 300_000


class Caller:
    """Says bytes, and reads answers."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def say(self, *lines: str, body: bytes = b"") -> None:
        """Send a head, and what follows it."""
        self._writer.write("\r\n".join((*lines, "", "")).encode("latin-1") + body)

    def post(self, *lines: str, body: bytes = BODY, missing: int = 0) -> None:
        """Send a review, of which the end may be missing."""
        length = f"Content-Length: {len(body) + missing}"
        told = ("Host: revet", "Content-Type: application/json", length)
        self.say(f"POST {PATH}?timeout=5s HTTP/1.1", *told, *lines, body=body)

    def write(self, data: bytes) -> None:
        """Send bytes."""
        self._writer.write(data)

    async def head(self) -> str:
        """Read the head of an answer."""
        return (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")

    async def answer(self) -> tuple[int, str]:
        """Read an answer: its status and its body."""
        head = await self.head()
        length = int(head.lower().partition("content-length: ")[2].partition("\r\n")[0])
        return int(head.split()[1]), (await self._reader.readexactly(length)).decode()

    async def end(self) -> bytes:
        """Read what comes till the other side hangs up."""
        async with asyncio.timeout(5):
            return await self._reader.read()


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_LOOK_EVERY_S", 0.02)
    monkeypatch.setattr(connection, "_LINGER_S", 0.1)


Call = Callable[[], Awaitable[Caller]]


@pytest.fixture
async def call(webhook: Harness) -> AsyncIterator[Call]:
    """Give what opens a connection."""
    webhook.know(POLICY)
    writers: list[asyncio.StreamWriter] = []

    async def open_one() -> Caller:
        tls = webhook.client_tls
        reader, writer = await asyncio.open_connection("127.0.0.1", webhook.port, ssl=tls)
        writers.append(writer)
        return Caller(reader, writer)

    yield open_one
    for each in writers:
        each.close()


@pytest.fixture
async def caller(call: Call) -> Caller:
    return await call()


async def test_a_connection_is_kept(caller: Caller) -> None:
    for _ in range(3):
        caller.post()
        status, text = await caller.answer()
        assert (status, json.loads(text)["response"]["allowed"]) == (200, True)


async def test_an_answer_has_what_http_asks_for(caller: Caller) -> None:
    caller.post()
    head = await caller.head()
    assert head.startswith("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n")
    assert "\r\nDate: " in head
    assert "Connection" not in head


@pytest.mark.parametrize("said", ["HTTP/1.1\r\nConnection: close", "HTTP/1.0"])
async def test_who_wants_one_answer_gets_one(caller: Caller, said: str) -> None:
    told = ("Content-Type: application/json", f"Content-Length: {len(BODY)}")
    caller.say(f"POST {PATH} {said}", *told, body=BODY)
    assert "\r\nConnection: close\r\n" in await caller.head()
    assert b'"allowed":true' in await caller.end()


async def test_a_request_in_single_bytes_is_taken(caller: Caller) -> None:
    head = f"POST {PATH} HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: {len(BODY)}"
    for byte in f"{head}\r\n\r\n".encode():
        caller.write(bytes((byte,)))
        await asyncio.sleep(0)
    caller.write(BODY[:100])
    await asyncio.sleep(0)
    caller.write(BODY[100:])
    assert (await caller.answer())[0] == 200


async def test_a_body_in_chunks_is_taken(caller: Caller) -> None:
    told = ("Content-Type: application/json", "Transfer-Encoding: chunked")
    caller.say(f"POST {PATH} HTTP/1.1", *told)
    for part in (BODY[:10], BODY[10:]):
        caller.write(b"%x\r\n%s\r\n" % (len(part), part))
    caller.write(b"0\r\n\r\n")
    assert (await caller.answer())[0] == 200


async def test_who_asks_first_is_told_to_go_on(caller: Caller) -> None:
    caller.post("Expect: 100-continue", body=b"", missing=len(BODY))
    assert await caller.head() == "HTTP/1.1 100 Continue\r\n\r\n"
    caller.write(BODY)
    assert (await caller.answer())[0] == 200


async def test_who_does_not_wait_gets_one_answer(caller: Caller) -> None:
    for _ in range(3):
        caller.post()
    assert (await caller.answer())[0] == 200
    assert await caller.end() == b""


@pytest.mark.parametrize(
    "said",
    [
        "GET / HTTP/3.0",
        "no http at all",
        "PRI * HTTP/2.0\r\n\r\nSM",
        "CONNECT elsewhere:443 HTTP/1.1",
        "GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket",
        "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2",
        "POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked",
        "POST / HTTP/1.1\r\nContent-Length: -1",
    ],
)
async def test_what_is_no_http_is_refused_once(webhook: Harness, caller: Caller, said: str) -> None:
    caller.say(said)
    status, _ = await caller.answer()
    assert status in {400, 404}
    assert webhook.count("revet_refused_requests_total", status=str(status)) == 1
    assert await caller.end() == b""


async def test_an_endless_head_is_refused(caller: Caller) -> None:
    caller.write(b"POST / HTTP/1.1\r\nX: " + b"x" * 20_000)
    assert (await caller.answer())[0] == 431
    assert await caller.end() == b""


async def test_a_body_that_grows_too_large_is_refused(caller: Caller) -> None:
    told = ("Content-Type: application/json", "Transfer-Encoding: chunked")
    caller.say(f"POST {PATH} HTTP/1.1", *told)
    for _ in range(9):
        caller.write(b"100000\r\n" + b" " * 2**20 + b"\r\n")
    assert (await caller.answer())[0] == 413


@pytest.mark.parametrize("said", [b"POST ", b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nab"])
async def test_what_does_not_come_in_time_is_refused(
    monkeypatch: pytest.MonkeyPatch, caller: Caller, said: bytes
) -> None:
    monkeypatch.setattr(connection, "_HEAD_S", 0.05)
    caller.write(said)
    assert await caller.answer() == (408, "the review did not arrive in time")
    assert await caller.end() == b""


async def test_a_review_has_as_long_as_its_caller_waits(caller: Caller) -> None:
    told = ("Content-Type: application/json", "Content-Length: 9")
    caller.say(f"POST {PATH}?timeout=100ms HTTP/1.1", *told, body=b"{")
    assert (await caller.answer())[0] == 408


async def test_who_says_nothing_is_hung_up_on(
    monkeypatch: pytest.MonkeyPatch, webhook: Harness, call: Call
) -> None:
    monkeypatch.setattr(connection, "_IDLE_S", 0.05)
    silent = await call()
    assert await silent.end() == b""
    await until(lambda: not webhook.connections())


async def test_a_few_large_bodies_are_read_at_once(
    webhook: Harness, call: Call, caller: Caller
) -> None:
    holders = [await call() for _ in range(8)]
    for each in holders:
        each.post(body=LARGE[:-1], missing=1)
    # All have sent a body but for its last byte: the ninth one's is not read.
    await until(lambda: webhook.server.large == 8)
    caller.post(body=LARGE)
    small = await call()
    small.post()
    assert (await small.answer())[0] == 200
    assert webhook.server.large == 8
    holders[0].write(LARGE[-1:])
    assert (await caller.answer())[0] == 200


async def test_an_error_of_ours_is_told_and_answered(
    monkeypatch: pytest.MonkeyPatch, webhook: Harness, caller: Caller
) -> None:
    error = RuntimeError("broken")

    async def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(webhook.reviewer, "answer", fail)
    caller.post()
    assert await caller.answer() == (500, "an error inside of Revet")
    assert webhook.faults == [error]


async def test_at_the_end_what_is_under_way_is_answered(
    webhook: Harness, call: Call, caller: Caller
) -> None:
    idle = await call()
    caller.post(body=BODY[:-1], missing=1)
    await until(lambda: sorted(each.is_idle for each in webhook.server.connections) == [0, 1])
    ending = asyncio.create_task(webhook.server.end(5))
    assert await idle.end() == b""
    caller.write(BODY[-1:])
    assert "\r\nConnection: close\r\n" in await caller.head()
    assert b'"allowed":true' in await caller.end()
    await ending
