"""What stands beside an object that is judged, as far as it was seen: unknown is an answer too.

Apart, since webhook, audit and command line see different parts of it, and no rule knows which.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from revet.core.model.namespace import LimitRange, ResourceQuota
from revet.core.model.network_policy import NetworkPolicy, Selector
from revet.core.model.rbac import Role, ServiceAccount

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Seen(Generic[T_co]):
    """What was seen of what was asked for; `is_all` says that there is nothing else of it."""

    items: tuple[T_co, ...] = ()
    is_all: bool = False


class Surroundings:
    """Answers what controls ask of other objects; this one has seen none.

    A namespace may be empty, where nobody has said which it is.

    Attributes:
        is_cluster: whether these are the objects of a cluster, whose controllers have filled in
            what a manifest leaves to them.

    """

    is_cluster: bool = True

    def service_account(self, namespace: str, name: str) -> Seen[ServiceAccount]:  # noqa: ARG002
        """Return a ServiceAccount."""
        return Seen()

    def is_bound(self, namespace: str, name: str) -> bool | None:  # noqa: ARG002 -- as above
        """Return whether a role is given to a ServiceAccount; None: not known.

        By its name or as one of a group; what Kubernetes gives to everybody does not count.
        """
        return None

    def role(self, kind: str, namespace: str, name: str) -> Seen[Role]:  # noqa: ARG002 -- as above
        """Return a Role or a ClusterRole."""
        return Seen()

    def select_roles(
        self,
        selectors: Iterable[Selector],  # noqa: ARG002 -- as above
    ) -> Iterable[tuple[str, Role]]:
        """Return the ClusterRoles that were seen and that any of these selects, with their names.

        Only asked where nobody has joined their rules.
        """
        return ()

    def network_policies(self, namespace: str) -> Seen[NetworkPolicy]:  # noqa: ARG002 -- as above
        """Return the NetworkPolicies of a namespace."""
        return Seen()

    def limit_ranges(self, namespace: str) -> Seen[LimitRange]:  # noqa: ARG002 -- as above
        """Return the LimitRanges of a namespace."""
        return Seen()

    def resource_quotas(self, namespace: str) -> Seen[ResourceQuota]:  # noqa: ARG002 -- as above
        """Return the ResourceQuotas of a namespace."""
        return Seen()


UNSEEN: Final = Surroundings()
