"""Confirmations: asked apart, until every ready replica judges by what is needed."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final

import pytest

from revet.adapters.kube import KubeError
from revet.operator import confirmations
from revet.operator.confirmations import Confirmations
from revet.operator.prober import Prober, Replica
from tests.operator.test_writer import Written
from tests.webhook.harness import until

PATH: Final = "/validate/a"
ONE: Final = Replica("https://one", None)
TWO: Final = Replica("https://two", None)


class Replicas(Prober):
    """Replicas that answer as the test says."""

    def __init__(self) -> None:
        super().__init__(Written(), "revet-system", "revet-webhook", None)
        self.told: dict[Replica, Mapping[str, int] | None] = {}
        self.is_away = False
        self.rounds = 0
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def replicas(self) -> list[Replica]:
        """Return all that the test has named."""
        if self.is_away:
            raise KubeError("away")
        return list(self.told)

    async def ask(
        self,
        replicas: Sequence[Replica],
        paths: Sequence[str],
        bundle: bytes,
    ) -> Mapping[tuple[Replica, str], Mapping[str, int] | None]:
        """Answer for every path alike."""
        assert bundle == b"bundle"
        self.rounds += 1
        answers = {(each, path): self.told[each] for each in replicas for path in paths}
        await self.may_answer.wait()
        return answers


@pytest.fixture
def replicas(monkeypatch: pytest.MonkeyPatch) -> Replicas:
    monkeypatch.setattr(confirmations, "_ASK_AGAIN_S", 0.01)
    return Replicas()


@pytest.fixture
def news() -> list[str]:
    return []


@pytest.fixture
async def asked(replicas: Replicas, news: list[str]) -> AsyncIterator[Confirmations]:
    made = Confirmations(replicas, lambda: news.append("news"), news.append)
    task = asyncio.create_task(made.run())
    yield made
    task.cancel()


@pytest.mark.parametrize(
    ("told", "missing"),
    [
        ({}, "no replica of the webhook is ready"),
        ({ONE: {"strict": 2}, TWO: None}, "no answer from https://two"),
        ({ONE: {"strict": 2}, TWO: {"strict": 1}}, "an older version is judged by at https://two"),
        ({ONE: {}, TWO: {"strict": 2}}, "an older version is judged by at https://one"),
    ],
)
async def test_it_says_whose_answer_is_missing_until_all_agree(
    replicas: Replicas,
    asked: Confirmations,
    news: list[str],
    told: dict[Replica, Mapping[str, int] | None],
    missing: str,
) -> None:
    replicas.told = told
    asked.need({PATH: {"strict": 2}}, b"bundle")
    await until(lambda: replicas.rounds > 2)
    assert asked.missing(PATH) == missing
    assert not asked.cover(PATH, {"strict": 2})
    told_before = len(news)
    assert told_before == 1
    replicas.told = {ONE: {"strict": 2}, TWO: {"strict": 3}}
    await until(lambda: len(news) > told_before)
    assert asked.cover(PATH, {"strict": 2})
    assert not asked.cover(PATH, {"strict": 3})


async def test_nobody_is_asked_for_what_is_known(replicas: Replicas, asked: Confirmations) -> None:
    replicas.told = {ONE: {"strict": 2}}
    asked.need({PATH: {"strict": 2}}, b"bundle")
    await until(lambda: asked.cover(PATH, {"strict": 2}))
    rounds = replicas.rounds
    asked.need({PATH: {"strict": 1}}, b"bundle")
    asked.need({}, b"bundle")
    assert not asked.cover(PATH, {"strict": 2})
    replicas.told = {ONE: {"strict": 2, "other": 1}}
    asked.need({"/validate/b": {"other": 1}}, b"bundle")
    await until(lambda: asked.cover("/validate/b", {"other": 1}))
    assert replicas.rounds == rounds + 1


async def test_an_api_server_that_is_away_is_asked_again(
    replicas: Replicas, asked: Confirmations, news: list[str]
) -> None:
    replicas.told = {ONE: {"strict": 1}}
    replicas.is_away = True
    asked.need({PATH: {"strict": 1}}, b"bundle")
    await until(lambda: news)
    assert news[0] == "the replicas of the webhook can't be listed: away"
    replicas.is_away = False
    await until(lambda: asked.cover(PATH, {"strict": 1}))


async def test_what_is_forgotten_is_asked_again(
    replicas: Replicas, asked: Confirmations, news: list[str]
) -> None:
    replicas.told = {ONE: {"strict": 1}}
    asked.need({PATH: {"strict": 1}}, b"bundle")
    await until(lambda: asked.cover(PATH, {"strict": 1}))
    replicas.told = {ONE: None}
    asked.forget([PATH, "/validate/unknown"])
    assert not asked.cover(PATH, {"strict": 1})
    await asked.wait_for_first_answers(5)
    assert asked.missing(PATH) == "no answer from https://one"
    told_before = len(news)
    replicas.told = {ONE: {"strict": 1}}
    await until(lambda: len(news) > told_before)
    assert asked.cover(PATH, {"strict": 1})


async def test_an_answer_from_before_is_forgotten_too(
    replicas: Replicas, asked: Confirmations
) -> None:
    replicas.told = {ONE: {"strict": 1}}
    replicas.may_answer.clear()
    asked.need({PATH: {"strict": 1}}, b"bundle")
    await until(lambda: replicas.rounds == 1)
    asked.forget([PATH])
    replicas.told = {ONE: None}
    replicas.may_answer.set()
    await until(lambda: replicas.rounds > 2)
    assert not asked.cover(PATH, {"strict": 1})
    assert asked.missing(PATH) == "no answer from https://one"
