"""The door at which the operator's audit asks what is wrong with an image that runs.

The keys, the logins and what was found are here; a second copy of them would cost as much again.
"""

from functools import partial
from http import HTTPStatus
from typing import Final, Protocol

import msgspec

from revet.core.coverage import covers
from revet.core.image import canonical_name, is_name, is_pinned
from revet.core.model.image_facts import Demand, Fault
from revet.core.verification import DOOR, TELLING_S, Asked
from revet.webhook.exchange import Admitted, RefusedError, Reply

_LONGEST: Final = 1024


class Judge(Protocol):
    """Whoever knows what policies ask of signatures, and verifies by that."""

    def find_demand(self, identity: str) -> Demand | None:
        """Return what a policy asks, None where none asks that."""

    async def judge(self, demand: Demand, reference: str, deadline: float) -> tuple[Fault, ...]:
        """Say what is wrong with an image, as far as that can be told by `deadline`."""


class Verdicts:
    """Answers `POST /verify/DEMAND`: what is wrong with an image, by what some policy demands."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge

    def admit(self, target: str) -> Admitted | None:
        """Let a request in; None where it is not for this door.

        Raises:
            RefusedError: no policy asks for that, as far as this replica knows.

        """
        if not target.startswith(DOOR):
            return None
        demand = self._judge.find_demand(target.removeprefix(DOOR))
        if demand is None:
            raise RefusedError(HTTPStatus.NOT_FOUND, "no policy here has that demand")
        return Admitted(partial(self._answer, demand), TELLING_S)

    async def _answer(self, demand: Demand, body: bytes, arrived: float) -> Reply:
        try:
            reference = msgspec.json.decode(body, type=Asked).reference
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise RefusedError(HTTPStatus.BAD_REQUEST, f"{error}") from error
        if not _is_asked_for(demand, reference):
            text = f"{reference[:_LONGEST]!r} must be NAME@sha256:..., of an image with a rule"
            raise RefusedError(HTTPStatus.BAD_REQUEST, text)
        faults = await self._judge.judge(demand, reference, arrived + TELLING_S)
        return Reply(msgspec.json.encode(faults))


def _is_asked_for(demand: Demand, reference: str) -> bool:
    if len(reference) > _LONGEST or not is_name(canonical_name(reference)):
        return False
    return is_pinned(reference) and covers(demand, reference)
