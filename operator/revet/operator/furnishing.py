"""Keeps the baselines of each namespace: its labels, its bounds, and the token of its account."""

from dataclasses import dataclass, field
from typing import Final

from revet.adapters.kube import KubeError
from revet.core.status import listed
from revet.operator.accounts import Accounts
from revet.operator.asking import Asking, find_asking
from revet.operator.baselines import Baselines
from revet.operator.bounds import Bounds
from revet.operator.context import Context
from revet.operator.holdings import Holdings, kinds_of
from revet.operator.outcome import Outcome
from revet.operator.picture import NamespaceSeen

_SYSTEM: Final = "a system namespace: it gets labels, and nothing else"


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one policy's baselines, over all namespaces.

    Attributes:
        standing: where all of it stands.
        spared: where nothing is to be written, with the reason.
        weaker: where a label is less than was asked for, and why.
        notes: what others have written and counts in place of ours, or why something is left.
        conflicts: contradictions with other policies.

    """

    standing: list[str] = field(default_factory=list[str])
    spared: dict[str, str] = field(default_factory=dict[str, str])
    weaker: list[str] = field(default_factory=list[str])
    notes: list[str] = field(default_factory=list[str])
    conflicts: list[str] = field(default_factory=list[str])


class Furnishing:
    """Keeps all parts, one namespace at a time."""

    def __init__(self, context: Context, holdings: Holdings) -> None:
        """Set up; nothing has come of anything yet."""
        self._context = context
        self.holdings = holdings
        self._labels = Baselines(context)
        self._bounds = Bounds(context, holdings)
        self._accounts = Accounts(context, holdings)
        self._outcomes: dict[str, tuple[Outcome, ...]] = {}

    async def keep(self, name: str) -> None:
        """See that a namespace has what its policies ask for.

        Raises:
            KubeError: some of it could not be written; the rest was tried all the same.

        """
        problems: list[str] = []
        try:
            await self._labels.keep(name)
        except KubeError as error:
            problems.append(str(error))
        namespace = self._context.picture.namespaces.get(name)
        if namespace is None:
            self._outcomes.pop(name, None)
        else:
            outcomes = await self._furnish(namespace)
            self._outcomes[name] = outcomes
            problems += (each for outcome in outcomes for each in outcome.problems)
        if problems:
            raise KubeError(listed(problems))

    def of(self, policy: str) -> Result:
        """Return what came of one policy's wishes."""
        labels = self._labels.of(policy)
        pending: set[str] = set()
        notes: list[str] = []
        conflicts: list[str] = [*labels.conflicts]
        for namespace in sorted(labels.labelled):
            for outcome in self._outcomes.get(namespace, ()):
                if policy in outcome.pending:
                    pending.add(namespace)
                notes += (f"{namespace}: {each}" for each in outcome.notes.get(policy, ()))
                conflicts += (
                    f"{namespace}: {text}" for names, text in outcome.conflicts if policy in names
                )
        standing = [each for each in labels.labelled if each not in pending]
        notes += labels.left
        return Result(standing, labels.spared, labels.reasons, notes, conflicts)

    async def _furnish(self, namespace: NamespaceSeen) -> tuple[Outcome, ...]:
        """See to what is in a namespace, beside its labels."""
        if namespace.hands_off:
            return ()
        asking = find_asking(self._context, namespace)
        if namespace.name in self._context.settings.system_namespaces:
            return (_leave(asking),)
        return (
            await self._bounds.keep(namespace, asking),
            await self._accounts.keep(namespace, asking),
        )


def _leave(asking: Asking) -> Outcome:
    outcome = Outcome()
    names = (policy.metadata.name for policy in asking.all if kinds_of(policy))
    outcome.note(names, _SYSTEM)
    return outcome
