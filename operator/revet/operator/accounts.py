"""Keeps the token of the ServiceAccount `default` from being mounted, where policies ask for it."""

from typing import Final

from revet.adapters.kube import KubeError
from revet.core import account
from revet.core.account import Account
from revet.core.render.bounds import quiets
from revet.operator.asking import Asking, corrects
from revet.operator.context import Context
from revet.operator.holdings import Holdings
from revet.operator.outcome import Outcome
from revet.operator.picture import Key, NamespaceSeen
from revet.operator.writer import is_gone

_LEFT: Final = "the ServiceAccount default is not as it was written, and stays so (drift: Report)"


class Accounts:
    """Keeps one field of one ServiceAccount in each namespace."""

    def __init__(self, context: Context, holdings: Holdings) -> None:
        """Set up."""
        self._context = context
        self._holdings = holdings

    async def keep(self, namespace: NamespaceSeen, asking: Asking) -> Outcome:
        """See that the field says what policies ask for, or what it said before."""
        outcome = Outcome()
        wanting = [policy for policy, _ in asking.kept if quiets(policy)]
        names = {policy.metadata.name for policy in wanting}
        live = self._holdings.account(namespace.name)
        try:
            if live is None:
                # The controllers make it with the namespace; till then no pod gets in anyhow.
                outcome.pending |= names
            elif wanting:
                does = corrects(wanting)
                if not await self._quiet(live, corrects=does) and not does:
                    outcome.note(names, _LEFT)
            elif live.has_traces and not self._is_left(asking):
                await self._release(live)
        except KubeError as error:
            outcome.pending |= names
            outcome.problems += [] if is_gone(error) else [str(error)]
        return outcome

    def _is_left(self, asking: Asking) -> bool:
        """Tell whether a policy that is paused, or can't be read, may want it to stay."""
        unread = any(each.is_unread for each in self._context.picture.policies.values())
        return unread or any(map(quiets, asking.paused))

    async def _quiet(self, live: Account, *, corrects: bool) -> bool:
        """Have the field say no; tell whether it does."""
        writer = self._context.writer
        desired = account.desired(live.namespace, live.uid)
        # Who said so does not matter: what others wrote is as good as ours.
        if live.automount is not False:
            key = Key("namespace", live.namespace)
            if not writer.may_write(desired, live.manifest, key, corrects=corrects):
                return False
            applied = await self._context.objects.apply(account.written(live))
            self._holdings.see_account(applied)
        writer.note_written(desired)
        return True

    async def _release(self, live: Account) -> None:
        """Take our field away, and put back what stood there."""
        operations = account.put_back(live)
        if operations:
            await self._context.objects.patch(live.manifest, operations)
        applied = await self._context.objects.apply(account.released(live))
        self._holdings.see_account(applied)
        self._context.writer.forget_object(live.manifest)
