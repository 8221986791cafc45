"""Asks the webhook which keys and trust roots it can't use: it alone reads and uses them."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from revet.adapters.kube import KubeError
from revet.operator.context import Context
from revet.operator.credentials import Credentials
from revet.operator.picture import Key
from revet.operator.prober import Prober, Replica

#: How often policies are looked at, and how often replicas are asked while these stay the same.
_LOOK_S: Final = 1.0
_REST_S: Final = 120.0
#: So often they are asked soon after a change: the webhook reads things in its own time.
_SOON: Final = 3
_SOON_S: Final = 5.0


class SignersWatch:
    """Knows what the replicas have said of each policy that asks for signatures."""

    def __init__(
        self,
        context: Context,
        credentials: Credentials,
        root_problem: Callable[[str], str] = lambda _: "",
        prober: Prober | None = None,
    ) -> None:
        """Set up; nobody was asked yet. `root_problem` tells of the root that a uid relies on."""
        settings = context.settings
        self._context = context
        self._credentials = credentials
        self._root_problem = root_problem
        self._prober = prober or Prober(
            context.objects, settings.namespace, settings.service, settings.webhook_url
        )
        #: None where they are to be listed: at rest nothing is read.
        self._replicas: Sequence[Replica] | None = None
        self._told: Mapping[str, str] = {}
        self._asked_of: Mapping[str, int] = {}
        self._soon = 0
        self._due = 0.0

    def problem(self, uid: str) -> str | None:
        """Return what can't be used of a policy, in words; None where not every replica told."""
        told, old = self._told.get(uid), self._root_problem(uid)
        return "; ".join(each for each in (told, old) if each) if old else told

    def look_again(self) -> None:
        """Have the replicas listed anew, and asked: they have changed."""
        self._replicas, self._due = None, 0.0

    async def run(self) -> None:
        """Ask, until cancelled."""
        clock = asyncio.get_running_loop().time
        while True:
            await self.look(clock())
            await asyncio.sleep(_LOOK_S)

    async def look(self, now: float) -> None:
        """Ask if it is time to."""
        verifying = self._verifying()
        if verifying != self._asked_of:
            self._asked_of, self._soon, self._due = verifying, _SOON, now
        if not verifying or now < self._due or not self._credentials.bundle:
            return
        self._soon = max(self._soon - 1, 0)
        self._due = now + (_SOON_S if self._soon else _REST_S)
        try:
            answers = await self._ask()
        except KubeError as error:
            self._context.log.complain(f"the replicas of the webhook can't be listed: {error}")
            return
        told = {uid: text for uid in verifying if (text := _join(answers, uid)) is not None}
        for seen in self._context.picture.policies.values():
            if told.get(seen.uid) != self._told.get(seen.uid):
                self._context.statuses.add(Key("status", seen.name))
        self._told = told

    async def _ask(self) -> Sequence[Mapping[str, str] | None]:
        """Ask the replicas, which are listed anew where one has not answered.

        Raises:
            KubeError: the API server does not tell which there are.

        """
        if self._replicas is None:
            self._replicas = await self._prober.replicas()
        answers = await self._prober.signers(self._replicas, self._credentials.bundle)
        if None in answers:
            self._replicas = None
        return answers

    def _verifying(self) -> dict[str, int]:
        """Return the generation of each policy that asks for signatures, by uid."""
        return {
            seen.uid: seen.policy.metadata.generation
            for seen in self._context.picture.policies.values()
            if seen.policy is not None
            and seen.policy.spec.images is not None
            and seen.policy.spec.images.verify
        }


def _join(answers: Sequence[Mapping[str, str] | None], uid: str) -> str | None:
    """Return what any of the replicas complains of; None where one has not told, or none is."""
    told = [each.get(uid) if each is not None else None for each in answers]
    problems = sorted({each for each in told if each})
    if problems:
        return "; ".join(problems)
    return "" if told and None not in told else None
