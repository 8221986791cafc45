"""The prober against servers on loopback: good answers, bad ones, and none at all."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
from aiohttp import web

from revet.core.model.meta import Manifest
from revet.operator.certificates import renew_serving, renew_trust
from revet.operator.prober import Prober, Replica, ready_urls
from tests.operator.test_writer import Written

NAME: Final = "revet-webhook.revet-system.svc"
TRUST: Final = renew_trust(None, b"", datetime.now(UTC))
HANGS: Final = "/validate/hangs"
HUNG: Final = 10
WAITING: Final = web.AppKey("waiting", set[str])
ALL_WAIT: Final = web.AppKey("all_wait", asyncio.Event)


def _review(generations: str) -> dict[str, Any]:
    return {"response": {"auditAnnotations": {"generations": generations}}}


ANSWERS: Final[dict[str, tuple[str, dict[str, int] | None]]] = {
    "good": (json.dumps(_review('{"strict": 3}')), {"strict": 3}),
    "none": (json.dumps(_review("{}")), {}),
    "no-annotation": (json.dumps({"response": {"auditAnnotations": {}}}), None),
    "no-response": (json.dumps({"kind": "Status"}), None),
    "a-list": ("[]", None),
    "text": (json.dumps(_review('{"strict": "three"}')), None),
    "no-json": ("<html>", None),
}


async def _answer(ended: asyncio.Event, request: web.Request) -> web.Response:
    if request.path == HANGS:
        request.app[WAITING].add(request.query_string)
        if len(request.app[WAITING]) == HUNG:
            request.app[ALL_WAIT].set()
        await ended.wait()
        return web.Response()
    return web.Response(text=ANSWERS[request.match_info["which"]][0])


async def _tell_nothing(_: web.Request) -> web.Response:
    return web.Response(text=ANSWERS["none"][0])


@pytest.fixture
def all_wait() -> asyncio.Event:
    """Give what tells that all requests to what hangs have come in, and none was given up."""
    return asyncio.Event()


@pytest.fixture
async def replica(tmp_path: Path, all_wait: asyncio.Event) -> AsyncIterator[Replica]:
    pair = renew_serving(None, TRUST, [NAME, "127.0.0.1"], datetime.now(UTC), bundle_stands=True)
    (tmp_path / "crt").write_bytes(pair.certificate)
    (tmp_path / "key").write_bytes(pair.key)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(tmp_path / "crt", tmp_path / "key")
    app = web.Application()
    app[WAITING], app[ALL_WAIT] = set(), all_wait
    ended = asyncio.Event()
    app.router.add_post("/audit/none", _tell_nothing)
    app.router.add_post("/validate/{which}", partial(_answer, ended))
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    yield Replica(f"https://127.0.0.1:{runner.addresses[0][1]}", NAME)
    ended.set()
    await runner.cleanup()


def _prober() -> Prober:
    return Prober(Written(), "revet-system", "revet-webhook", None)


async def test_only_what_an_answer_says_is_taken(replica: Replica) -> None:
    paths = [f"/validate/{name}" for name in ANSWERS]
    answers = await _prober().ask([replica], paths, TRUST.bundle)
    told = {path.rpartition("/")[2]: answers[replica, path] for path in paths}
    assert told == {name: expected for name, (_, expected) in ANSWERS.items()}


async def test_a_replica_that_hangs_costs_one_time_out(
    replica: Replica, all_wait: asyncio.Event
) -> None:
    paths = [*(f"{HANGS}?{number}" for number in range(HUNG)), "/validate/good"]
    asking = asyncio.create_task(_prober().ask([replica], paths, TRUST.bundle))
    # All at once: one after another the second would come when the first has been given up.
    await all_wait.wait()
    assert not asking.done()
    answers = await asking
    assert answers[replica, "/validate/good"] == {"strict": 3}
    assert [answers[replica, path] for path in paths[:-1]] == [None] * HUNG


async def test_who_is_not_trusted_gives_no_answer(replica: Replica) -> None:
    other = renew_trust(None, b"", datetime.now(UTC)).bundle
    [answer] = (await _prober().ask([replica], ["/validate/good"], other)).values()
    assert answer is None


async def test_at_a_url_only_who_answers_is_counted(replica: Replica) -> None:
    def at(url: str) -> Prober:
        return Prober(Written(), "revet-system", "revet-webhook", url)

    assert await at(replica.url).count(TRUST.bundle) == 1
    assert await at(replica.url).count(renew_trust(None, b"", datetime.now(UTC)).bundle) == 0
    assert await at("https://127.0.0.1:1").count(TRUST.bundle) == 0


async def test_who_is_away_gives_no_answer() -> None:
    away = Replica("https://127.0.0.1:1", NAME)
    [answer] = (await _prober().ask([away], ["/validate/good"], TRUST.bundle)).values()
    assert answer is None


@pytest.mark.parametrize(
    ("piece", "urls"),
    [
        ({}, []),
        ({"ports": [{"port": 9443}]}, []),
        (
            {"ports": [{"port": 9443}], "endpoints": [{"addresses": ["10.0.0.1", "10.0.0.2"]}]},
            ["https://10.0.0.1:9443"],
        ),
        (
            {
                "ports": [{"port": 9443}],
                "endpoints": [
                    {"addresses": ["10.0.0.1"], "conditions": {"ready": False}},
                    {"addresses": ["fd00::2"], "conditions": {"ready": True}},
                ],
            },
            ["https://[fd00::2]:9443"],
        ),
        ({"endpoints": [{"addresses": ["10.0.0.1"]}]}, []),
    ],
)
def test_ready_replicas_are_found(piece: Manifest, urls: list[str]) -> None:
    assert ready_urls(piece) == urls
