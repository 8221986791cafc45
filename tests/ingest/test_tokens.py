"""Tokens of ServiceAccounts: the API server is asked in the background, and may be away."""

import asyncio
import base64
import json

import pytest

from tests.ingest.conftest import Reviews
from tests.ingest.harness import AUDIENCE, NOW, Harness, alert


def _token(name: str, audience: object = AUDIENCE, expires: float = NOW + 86400) -> str:
    claims = json.dumps({"aud": audience, "exp": expires, "sub": name}).encode()
    return f"e30.{base64.urlsafe_b64encode(claims).decode().rstrip('=')}.c2ln"


async def _post_until_known(ingest: Harness, token: str) -> int:
    async with asyncio.timeout(20):
        while (reply := await ingest.post(alert(), token=token)).status == 429:
            assert "being reviewed" in reply.text
            await asyncio.sleep(0)
    return reply.status


async def test_the_first_time_it_is_asked_to_come_again(ingest: Harness, reviews: Reviews) -> None:
    token = _token("plane", [AUDIENCE, "other"])
    reviews.users[token] = ("system:serviceaccount:logs:plane", "")
    assert await _post_until_known(ingest, token) == 202
    assert reviews.asked == [token]
    assert (await ingest.post(alert(), token=token)).status == 202
    assert reviews.asked == [token]


async def test_while_the_api_server_is_away_its_word_stands(
    ingest: Harness, reviews: Reviews
) -> None:
    token = _token("plane")
    reviews.users[token] = ("system:serviceaccount:logs:plane", "")
    await _post_until_known(ingest, token)
    reviews.is_down = True
    reviews.news.clear()
    ingest.clock.now += 301
    assert (await ingest.post(alert(), token=token)).status == 202
    async with asyncio.timeout(20):
        await reviews.news.wait()
    assert (await ingest.post(alert(), token=token)).status == 202
    ingest.clock.now += 1800
    assert (await ingest.post(alert(), token=token)).status == 429


@pytest.mark.parametrize(
    "user", [None, ("system:serviceaccount:logs:other", ""), ("kim", ""), ("system:admin", "")]
)
async def test_others_are_refused(
    ingest: Harness, reviews: Reviews, user: tuple[str, str] | None
) -> None:
    token = _token("x")
    if user is not None:
        reviews.users[token] = user
    assert await _post_until_known(ingest, token) == 401


@pytest.mark.parametrize(
    "token",
    [
        _token("x", "https://kubernetes.default.svc"),
        _token("x", expires=NOW - 1),
        "a.b.c",
        "a.!.c",
        "x",
    ],
)
async def test_what_can_not_be_good_costs_no_review(
    ingest: Harness, reviews: Reviews, token: str
) -> None:
    assert (await ingest.post(alert(), token=token)).status == 401
    assert reviews.asked == []


async def test_one_that_is_bound_speaks_for_the_node_of_its_pod(
    ingest: Harness, reviews: Reviews
) -> None:
    here, there, nowhere = _token("here"), _token("there"), _token("nowhere")
    for token, node in ((here, "node-a"), (there, "node-b"), (nowhere, "")):
        reviews.users[token] = ("system:serviceaccount:logs:vector", node)
    assert await _post_until_known(ingest, here) == 202
    assert await _post_until_known(ingest, there) == 400
    assert await _post_until_known(ingest, nowhere) == 401
