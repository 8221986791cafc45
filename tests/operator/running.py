"""The rounds of running images, beside a webhook that answers as a test says."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from revet.core.compiled_policy import Applied, CompiledPolicy, apply
from revet.core.ledger import Place
from revet.core.model.image_facts import Fault
from revet.core.verification import ToVerify
from revet.core.workload import read
from revet.operator.context import Context
from revet.operator.inquiry import Answer
from revet.operator.rounds import At, Rounds
from tests.support.policy_builder import build_policy

KEY: Final = {"configMapRef": {"name": "k", "key": "p"}}
RULE: Final = {"name": "ci", "images": ["*.example/*"], "anyOf": [{"key": KEY}]}
PROD: Final = {"tier": "prod"}
BAD: Final = (Fault("no signature"),)
DOWN: Final = (Fault("r.example: answered 503", is_unknown=True),)


class Webhook:
    """Answers as the test says, when it says so."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.asked: list[str] = []
        self.running = self.most = 0
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.is_closed = False
        #: Of which registry the answers wait; of all by default.
        self.slow = ""

    async def ask(self, wanted: ToVerify) -> Answer:
        """Answer, all being well with what the test has said nothing of."""
        self.asked.append(wanted.image)
        self.running += 1
        self.most = max(self.most, self.running)
        if wanted.image.startswith(self.slow):
            await self.may_answer.wait()
        self.running -= 1
        return self.answers.get(wanted.image, ())

    async def close(self) -> None:
        """Note that it was closed."""
        self.is_closed = True


class World:
    """The rounds, a webhook, and a time of day that the test moves."""

    def __init__(self, context: Context, period_s: float) -> None:
        self.webhook = Webhook()
        self.touched: list[tuple[str, Place]] = []
        self.now = datetime(2026, 1, 2, tzinfo=UTC)
        settings = replace(context.settings, image_interval_s=period_s)
        self.context = replace(context, settings=settings, now=lambda: self.now)
        self.rounds = Rounds(self.context, self.webhook, lambda *at: self.touched.append(at))

    @asynccontextmanager
    async def going(self) -> AsyncIterator[None]:
        """Let them go round."""
        task = asyncio.create_task(self.rounds.run())
        yield
        assert not task.done()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert self.webhook.is_closed

    def see(self, name: str, *images: str, policies: tuple[Applied, ...] = ()) -> list[Fault]:
        """See a pod; return what is known of the images that it runs."""
        containers = [{"name": f"c{each}", "image": image} for each, image in enumerate(images)]
        spec = {"containers": containers}
        made = {"kind": "Pod", "metadata": {"name": name, "namespace": "shop"}, "spec": spec}
        document = json.dumps(made).encode()
        applied = policies or applied_by("strict")
        facts = self.rounds.see(at(name), read("", "Pod", document), document, applied)
        demand = applied[0].policy.demand
        assert demand is not None
        return [fault for each in images for fault in facts.faults(demand, each) or ()]

    def metric(self, line: str) -> bool:
        """Tell whether the metrics say that."""
        return line.encode() in self.context.metrics.expose().splitlines()


def at(name: str) -> At:
    """Return where a pod is."""
    return "shop", ("Pod", name)


def applied_by(*names: str, **images: object) -> tuple[Applied, ...]:
    """Return policies that ask for signatures."""
    told = {"verify": [RULE], **images}
    compiled = [CompiledPolicy.of(build_policy(name, images=told)) for name in names]
    return apply(compiled, "shop", PROD, frozenset())


def image(number: int, host: str = "r.example") -> str:
    """Return one of many images."""
    return f"{host}/app@sha256:{number:064x}"
