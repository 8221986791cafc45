"""The inquiry against servers on loopback: one replica is asked, another where that one is away."""

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
import pytest
from aiohttp import web

from revet.adapters.kube import KubeError
from revet.core.model.image_facts import Fault
from revet.core.verification import Asked, identify
from revet.operator.certificates import renew_serving, renew_trust
from revet.operator.context import Context
from revet.operator.credentials import Credentials
from revet.operator.inquiry import Inquiry, Untold
from revet.operator.prober import Prober, Replica
from tests.operator.test_roster import DEMAND, image
from tests.operator.test_writer import Written

NAME: Final = "revet-webhook.revet-system.svc"
TRUST: Final = renew_trust(None, b"", datetime.now(UTC))
BAD: Final = (Fault("no signature"), Fault("answered 503", is_unknown=True))
AWAY: Final = Replica("https://127.0.0.1:1", NAME)


class Listed(Prober):
    """Replicas as the test says."""

    def __init__(self) -> None:
        super().__init__(Written(), "revet-system", "revet-webhook", None)
        self.ready: list[Replica] = []
        self.times = 0
        self.is_away = False

    async def replicas(self) -> list[Replica]:
        """Return what the test has said."""
        self.times += 1
        if self.is_away:
            raise KubeError("away")
        return self.ready


class Served:
    """What replicas were asked, and what they answer."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, str]] = []
        self.status, self.body = 200, msgspec.json.encode(BAD)

    def answer(self, number: int) -> Callable[[web.Request], Awaitable[web.Response]]:
        """Make what answers for a replica."""

        async def answer(request: web.Request) -> web.Response:
            assert request.path == f"/verify/{identify(DEMAND)}"
            asked = msgspec.json.decode(await request.read(), type=Asked)
            self.asked.append((number, asked.reference))
            return web.Response(status=self.status, body=self.body)

        return answer


@pytest.fixture
def listed() -> Listed:
    return Listed()


@pytest.fixture
async def served(tmp_path: Path, listed: Listed) -> AsyncIterator[Served]:
    pair = renew_serving(None, TRUST, [NAME, "127.0.0.1"], datetime.now(UTC), bundle_stands=True)
    (tmp_path / "crt").write_bytes(pair.certificate)
    (tmp_path / "key").write_bytes(pair.key)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(tmp_path / "crt", tmp_path / "key")
    made = Served()
    async with AsyncExitStack() as stack:
        for number in range(2):
            app = web.Application()
            app.router.add_post("/verify/{demand}", made.answer(number))
            runner = web.AppRunner(app)
            stack.push_async_callback(runner.cleanup)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
            listed.ready.append(Replica(f"https://127.0.0.1:{runner.addresses[0][1]}", NAME))
        yield made


@pytest.fixture
async def inquiry(context: Context, listed: Listed) -> AsyncIterator[Inquiry]:
    credentials = Credentials(context)
    credentials.bundle = TRUST.bundle
    made = Inquiry(context, credentials, listed)
    yield made
    await made.close()


async def test_one_replica_is_asked_and_the_same_for_an_image(
    inquiry: Inquiry, served: Served, listed: Listed
) -> None:
    for number in (*range(8), *range(8)):
        assert await inquiry.ask(image(number)) == BAD
    assert served.asked[:8] == served.asked[8:]
    assert {number for number, _ in served.asked} == {0, 1}
    assert served.asked[0][1] == image(0).reference
    # Replicas that answer are not listed again and again.
    assert listed.times == 1


async def test_where_one_does_not_answer_another_does(
    inquiry: Inquiry, served: Served, listed: Listed
) -> None:
    listed.ready = [AWAY, listed.ready[0]]
    for number in range(4):
        assert await inquiry.ask(image(number)) == BAD
    assert len(served.asked) == 4


async def test_new_replicas_are_found_where_none_answers(
    inquiry: Inquiry, served: Served, listed: Listed
) -> None:
    ready, listed.ready = listed.ready, [AWAY]
    answer = await inquiry.ask(image(1))
    assert isinstance(answer, Untold)
    assert answer.is_nobody
    listed.ready = ready
    assert await inquiry.ask(image(1)) == BAD
    assert len(served.asked) == 1


async def test_nobody_is_there(inquiry: Inquiry, listed: Listed) -> None:
    listed.is_away = True
    answer = await inquiry.ask(image(1))
    assert answer == Untold("the replicas of the webhook can't be listed: away", is_nobody=True)


async def test_who_is_not_trusted_is_not_believed(
    context: Context, served: Served, listed: Listed
) -> None:
    credentials = Credentials(context)
    inquiry = Inquiry(context, credentials, listed)
    assert isinstance(await inquiry.ask(image(1)), Untold)
    assert listed.times == 0
    credentials.bundle = renew_trust(None, b"", datetime.now(UTC)).bundle
    assert isinstance(await inquiry.ask(image(1)), Untold)
    assert served.asked == []
    # What is trusted from now on counts from now on.
    credentials.bundle = TRUST.bundle
    assert await inquiry.ask(image(1)) == BAD
    await inquiry.close()


@pytest.mark.parametrize("body", [b"<html>", b"{}", b'[{"is_unknown": 1}]'])
async def test_what_is_no_answer_is_none(inquiry: Inquiry, served: Served, body: bytes) -> None:
    served.body = body
    assert isinstance(await inquiry.ask(image(1)), Untold)


async def test_what_a_replica_refuses(inquiry: Inquiry, served: Served) -> None:
    served.status, served.body = 404, b"no policy here has that demand"
    answer = await inquiry.ask(image(1))
    assert answer == Untold(
        "the webhook judges by another version of the policy: no policy here has that demand"
    )
    served.status, served.body = 400, b"no image"
    told = await inquiry.ask(image(1))
    assert told == (Fault("the webhook answered 400: no image", is_unknown=True),)
