"""Keeps the objects that controls ask for beside the one that is judged, just what they read of it.

One store for all: the webhook fills it from watches, the audit from lists, the command line from
its input.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import msgspec

from revet.core.bootstrap_rbac import is_bootstrap_subject
from revet.core.item import Item, read_beside
from revet.core.kinds import BESIDE, KINDS, Kind
from revet.core.model.namespace import LimitRange, ResourceQuota
from revet.core.model.network_policy import NetworkPolicy, Selector
from revet.core.model.rbac import Binding, Role, ServiceAccount, Subject
from revet.core.permissions import BINDINGS
from revet.core.surroundings import Seen, Surroundings

#: What a control may need, by the kind's name.
NEIGHBOURS: Final[dict[str, Kind]] = {
    kind.name: kind
    for kind in (*KINDS, *BESIDE)
    if kind in BESIDE or kind.name in {"Role", "ClusterRole", *BINDINGS, "NetworkPolicy"}
}

_USER: Final = "system:serviceaccount:"
_GROUP: Final = "system:serviceaccounts"
_EVERYBODY: Final = "system:authenticated"
_ANY: Final = "*"
_CLUSTER_ROLE: Final = "ClusterRole"
#: Where kubectl puts what names no namespace.
_DEFAULT: Final = "default"


def read_neighbour(kind: str, data: bytes | msgspec.Raw) -> Item[Any]:
    """Decode an object of one of the NEIGHBOURS.

    Raises:
        ManifestError: JSON that does not fit the kind; the message names the field.

    """
    return read_beside(NEIGHBOURS[kind].group, kind, data)


class Neighbours(Surroundings):
    """Answers by what it was told. What is not there is unknown unless all of it was seen."""

    def __init__(self, is_all: Callable[[str], bool], *, is_cluster: bool = True) -> None:
        """Start empty; `is_all` tells of a kind whether everything was seen, as of now."""
        self._is_all = is_all
        self.is_cluster = is_cluster
        #: By the names of the ClusterRoles, for those that take in others by them.
        self._labels: dict[str, Mapping[str, str]] = {}
        self._objects: dict[str, dict[str, dict[str, Any]]] = {}
        #: How many bindings give a role to a ServiceAccount (`shop/api`), to those of a namespace
        #: (`shop/*`), to all (`*`).
        self._bound: Counter[str] = Counter()
        #: The same by namespace, `*` for all of them.
        self._homes: Counter[str] = Counter()

    def replace(self, kind: str, items: Iterable[Item[Any]]) -> None:
        """Take these objects for all there are of a kind."""
        self.forget(kind)
        for item in items:
            self.put(item)

    def forget(self, kind: str) -> None:
        """Forget all objects of a kind."""
        for namespace in self._objects.pop(kind, {}).values():
            for body in namespace.values():
                self._uncount(kind, body)

    def put(self, item: Item[Any]) -> bool:
        """Take an object that is new or has changed; tell whether what is read of it has."""
        place, name = self._place(item), item.metadata.name or ""
        before = place.get(name)
        self.drop(item)
        body = _identities(item) if item.kind in BINDINGS else item.body
        if item.kind in BINDINGS:
            self._bound.update(body)
            self._homes.update(map(_home, body))
        place[name] = body
        if item.kind == _CLUSTER_ROLE and not self.is_cluster:
            self._labels[name] = item.metadata.labels or {}
        return bool(before != body)

    def drop(self, item: Item[Any]) -> None:
        """Forget an object."""
        self._uncount(item.kind, self._place(item).pop(item.metadata.name or "", ()))

    def service_account(self, namespace: str, name: str) -> Seen[ServiceAccount]:
        """Return a ServiceAccount."""
        return self._one("ServiceAccount", namespace, name)

    def is_bound(self, namespace: str, name: str) -> bool | None:
        """Return whether a role is given to a ServiceAccount; None: not known."""
        home = namespace or _DEFAULT
        if any(each in self._bound for each in (f"{home}/{name}", f"{home}/{_ANY}", _ANY)):
            return True
        return False if all(self._is_all(kind) for kind in BINDINGS) else None

    def has_bound(self, namespace: str) -> bool | None:
        """Return whether a role is given to any ServiceAccount of a namespace; None: not known."""
        if (namespace or _DEFAULT) in self._homes or _ANY in self._homes:
            return True
        return False if all(self._is_all(kind) for kind in BINDINGS) else None

    def role(self, kind: str, namespace: str, name: str) -> Seen[Role]:
        """Return a Role or a ClusterRole."""
        return self._one(kind, "" if kind == _CLUSTER_ROLE else namespace, name)

    def select_roles(self, selectors: Iterable[Selector]) -> Iterable[tuple[str, Role]]:
        """Return the ClusterRoles that any of these selects, with their names."""
        found = self._objects.get(_CLUSTER_ROLE, {}).get(_DEFAULT, {})
        return [
            (name, role)
            for name, role in found.items()
            if any(each.matches(self._labels[name]) for each in selectors)
        ]

    def network_policies(self, namespace: str) -> Seen[NetworkPolicy]:
        """Return the NetworkPolicies of a namespace."""
        return self._all("NetworkPolicy", namespace)

    def network_policy(self, namespace: str, name: str) -> Seen[NetworkPolicy]:
        """Return a NetworkPolicy."""
        return self._one("NetworkPolicy", namespace, name)

    def limit_ranges(self, namespace: str) -> Seen[LimitRange]:
        """Return the LimitRanges of a namespace."""
        return self._all("LimitRange", namespace)

    def resource_quotas(self, namespace: str) -> Seen[ResourceQuota]:
        """Return the ResourceQuotas of a namespace."""
        return self._all("ResourceQuota", namespace)

    def _one(self, kind: str, namespace: str, name: str) -> Seen[Any]:
        body = self._objects.get(kind, {}).get(namespace or _DEFAULT, {}).get(name)
        return Seen((), self._is_all(kind)) if body is None else Seen((body,), is_all=True)

    def _all(self, kind: str, namespace: str) -> Seen[Any]:
        found = self._objects.get(kind, {}).get(namespace or _DEFAULT, {})
        return Seen(tuple(found.values()), self._is_all(kind))

    def _place(self, item: Item[Any]) -> dict[str, Any]:
        home = item.metadata.namespace or _DEFAULT
        return self._objects.setdefault(item.kind, {}).setdefault(home, {})

    def _uncount(self, kind: str, body: Iterable[str]) -> None:
        if kind in BINDINGS:
            for counted, each in ((self._bound, body), (self._homes, map(_home, body))):
                for name in each:
                    counted[name] -= 1
                    if not counted[name]:
                        del counted[name]


def _home(identity: str) -> str:
    return identity.partition("/")[0]


def _identities(item: Item[Binding]) -> frozenset[str]:
    """Return the ServiceAccounts that a binding gives its role to."""
    namespace = item.metadata.namespace or _DEFAULT
    found = (_identity(item, subject, namespace) for subject in item.body.subjects or ())
    return frozenset(identity for identity in found if identity)


def _identity(item: Item[Binding], subject: Subject, namespace: str) -> str:
    kind, name = subject.kind, subject.name
    if kind == "ServiceAccount":
        return f"{subject.namespace or namespace}/{name}"
    if kind == "User" and name.startswith(_USER):
        return name.removeprefix(_USER).replace(":", "/", 1)
    # Every identity may look at the API's paths and at itself: that needs no token of its own.
    if kind != "Group" or is_bootstrap_subject(item, subject):
        return ""
    if name.startswith(f"{_GROUP}:"):
        return f"{name.removeprefix(f'{_GROUP}:')}/{_ANY}"
    return _ANY if name in {_GROUP, _EVERYBODY} else ""
