"""Which policies ask for the baselines of a namespace; apart, since each of its parts asks that."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from revet.core.model.mode import Mode
from revet.core.model.policy import HardeningPolicy
from revet.core.model.policy_namespaces import Drift, Namespaces
from revet.core.render.bounds import asked_of
from revet.operator.context import Context
from revet.operator.picture import NamespaceSeen


@dataclass(frozen=True, slots=True)
class Asking:
    """The policies that ask for a namespace's baselines, by name.

    Attributes:
        kept: those that we write for, each with its ceiling there.
        paused: those that people asked us to keep our hands off.

    """

    kept: tuple[tuple[HardeningPolicy, Mode], ...] = ()
    paused: tuple[HardeningPolicy, ...] = ()

    @property
    def all(self) -> list[HardeningPolicy]:
        """All of them, by name."""
        both = [*(policy for policy, _ in self.kept), *self.paused]
        return sorted(both, key=lambda each: each.metadata.name)


def find_asking(context: Context, namespace: NamespaceSeen) -> Asking:
    """Return the policies that ask for something in a namespace."""
    system = context.settings.system_namespaces
    kept: list[tuple[HardeningPolicy, Mode]] = []
    paused: list[HardeningPolicy] = []
    for _, seen in sorted(context.picture.policies.items()):
        if seen.policy is None or seen.compiled is None or asked_of(seen.policy) is None:
            continue
        ceiling = seen.compiled.ceiling(namespace.name, namespace.labels, system)
        if ceiling is None:
            continue
        if seen.is_kept:
            kept.append((seen.policy, ceiling))
        else:
            paused.append(seen.policy)
    return Asking(tuple(kept), tuple(paused))


def corrects(policies: Iterable[HardeningPolicy]) -> bool:
    """Return whether foreign edits are undone: where any of those that ask for it says so."""
    return any(each.drift is Drift.CORRECT for each in _asked(policies))


def _asked(policies: Iterable[HardeningPolicy]) -> Iterator[Namespaces]:
    return (asked for policy in policies if (asked := asked_of(policy)) is not None)
