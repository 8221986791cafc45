"""What stands beside an object that is judged, as far as it was seen: unknown is an answer too.

Apart, since webhook, audit and command line see different parts of it, and no rule knows which.
"""

from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

from revet.core.model.namespace import LimitRange, ResourceQuota
from revet.core.model.network_policy import NetworkPolicy
from revet.core.model.rbac import Role, ServiceAccount

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Seen(Generic[T_co]):
    """What was seen of what was asked for; `is_all` says that there is nothing else of it."""

    items: tuple[T_co, ...] = ()
    is_all: bool = False


class Surroundings(Protocol):
    """Answers what controls ask of other objects; a namespace may be empty where nobody said."""

    def service_account(self, namespace: str, name: str) -> Seen[ServiceAccount]:
        """Return a ServiceAccount."""

    def is_bound(self, namespace: str, name: str) -> bool | None:
        """Return whether a role is given to a ServiceAccount; None: not known.

        By its name or as one of a group; what Kubernetes gives to everybody does not count.
        """

    def role(self, kind: str, namespace: str, name: str) -> Seen[Role]:
        """Return a Role or a ClusterRole."""

    def network_policies(self, namespace: str) -> Seen[NetworkPolicy]:
        """Return the NetworkPolicies of a namespace."""

    def limit_ranges(self, namespace: str) -> Seen[LimitRange]:
        """Return the LimitRanges of a namespace."""

    def resource_quotas(self, namespace: str) -> Seen[ResourceQuota]:
        """Return the ResourceQuotas of a namespace."""


class _Unseen:
    """Nobody has looked."""

    def service_account(self, namespace: str, name: str) -> Seen[ServiceAccount]:  # noqa: ARG002
        return Seen()

    def is_bound(self, namespace: str, name: str) -> bool | None:  # noqa: ARG002
        return None

    def role(self, kind: str, namespace: str, name: str) -> Seen[Role]:  # noqa: ARG002
        return Seen()

    def network_policies(self, namespace: str) -> Seen[NetworkPolicy]:  # noqa: ARG002
        return Seen()

    def limit_ranges(self, namespace: str) -> Seen[LimitRange]:  # noqa: ARG002
        return Seen()

    def resource_quotas(self, namespace: str) -> Seen[ResourceQuota]:  # noqa: ARG002
        return Seen()


UNSEEN: Final[Surroundings] = _Unseen()
