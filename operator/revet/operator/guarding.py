"""Keeps the guards: of namespaces' labels, databases' clients, quarantine, and held images."""

from collections.abc import Iterable

from revet.adapters.kube import KubeError
from revet.core.model.meta import Manifest, Owner
from revet.core.model.policy import HardeningPolicy
from revet.core.render.database_guard import NAME as DATABASE_GUARD
from revet.core.render.database_guard import crowded_databases, database_guards
from revet.core.render.guard import NAME, guarded_keys, guards, selector_keys
from revet.core.render.hold_guard import hold_guards
from revet.core.render.quarantine_guard import quarantine_guards
from revet.core.status import listed
from revet.operator.context import Context
from revet.operator.picture import CLUSTER, PolicySeen
from revet.operator.room import find_crowded_keys


class Guarding:
    """Keeps the guards and their bindings."""

    def __init__(self, context: Context) -> None:
        """Set up; nothing is guarded yet."""
        self._context = context
        self._keys: frozenset[str] = frozenset()
        self._crowded: frozenset[str] = frozenset()

    async def keep(self, owner: Owner) -> list[str]:
        """See that the guard stands; return what could not be written, and why."""
        problems: list[str] = []
        desired = (
            *guards(self._choose(), owner),
            *self._of_databases(owner),
            *quarantine_guards(owner),
            *hold_guards(owner),
        )
        for manifest in desired:
            try:
                await self._context.writer.keep(manifest, CLUSTER)
            except KubeError as error:
                problems.append(str(error))
        return problems

    def left_out(self, policy: PolicySeen) -> str:
        """Say which keys of a policy there is no room for; empty where all are guarded."""
        keys = sorted(_keys([policy]) & self._crowded)
        if not keys:
            return self._databases_left_out(policy)
        return (
            f"there is no room left in the guard, so who may edit a namespace may change its"
            f" labels {listed(keys)}: select by fewer keys"
        )

    def _of_databases(self, owner: Owner) -> list[Manifest]:
        """Return the guard of databases; while a policy can't be read, what stands stays."""
        place = ("ValidatingAdmissionPolicy", "", DATABASE_GUARD)
        stands = place in self._context.picture.objects
        if stands and any(each.is_unread for each in self._context.picture.policies.values()):
            return []
        return database_guards(self._in_force(), owner)

    def _databases_left_out(self, policy: PolicySeen) -> str:
        network = policy.policy.spec.network if policy.policy is not None else None
        own = {each.name for each in network.databases} if network is not None else set[str]()
        names = sorted(own & crowded_databases(self._in_force()))
        if not names:
            return ""
        return (
            f"there is no room left in the guard of databases, so nobody new may be a client of"
            f" {listed(names)}: list fewer clients, or select them by fewer labels"
        )

    def _in_force(self) -> list[HardeningPolicy]:
        policies = self._context.picture.policies.values()
        return [each.policy for each in policies if each.policy is not None]

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
