"""Keeps the guard of the labels by which policies select namespaces, and clouds narrow entries."""

from collections.abc import Iterable

from revet.adapters.kube import KubeError
from revet.core.model.meta import Owner
from revet.core.render.guard import NAME, guarded_keys, guards, selector_keys
from revet.core.status import listed
from revet.operator.context import Context
from revet.operator.picture import CLUSTER, PolicySeen
from revet.operator.room import find_crowded_keys


class Guarding:
    """Keeps the guard and its binding."""

    def __init__(self, context: Context) -> None:
        """Set up; nothing is guarded yet."""
        self._context = context
        self._keys: frozenset[str] = frozenset()
        self._crowded: frozenset[str] = frozenset()

    async def keep(self, owner: Owner) -> list[str]:
        """See that the guard stands; return what could not be written, and why."""
        problems = []
        for manifest in guards(self._choose(), owner):
            try:
                await self._context.writer.keep(manifest, CLUSTER)
            except KubeError as error:
                problems.append(str(error))
        return problems

    def left_out(self, policy: PolicySeen) -> str:
        """Say which keys of a policy there is no room for; empty where all are guarded."""
        keys = sorted(_keys([policy]) & self._crowded)
        if not keys:
            return ""
        return (
            f"there is no room left in the guard, so who may edit a namespace may change its"
            f" labels {listed(keys)}: select by fewer keys"
        )

    def _choose(self) -> frozenset[str]:
        """Return the label keys to guard; while a policy can't be read, none is given up."""
        live = self._context.picture.objects.get(("ValidatingAdmissionPolicy", "", NAME))
        stood = self._keys or (guarded_keys(live) if live else frozenset())
        policies = self._context.picture.policies.values()
        keys = _keys(policies)
        if any(each.is_unread for each in policies):
            keys |= stood
        # By a label whose key a cloud adds to selectors a namespace would get out of every entry.
        tolerated = self._context.settings.tolerated_keys
        self._crowded = find_crowded_keys(keys, stood) - tolerated
        self._keys = (keys - self._crowded) | tolerated
        return self._keys


def _keys(policies: Iterable[PolicySeen]) -> frozenset[str]:
    return frozenset(
        key
        for seen in policies
        if seen.policy is not None
        for key in selector_keys(seen.policy.spec)
    )
