"""An object that holds no pod, as the checks read it: Services, Ingresses, roles, bindings, ..."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final, Generic, Self, TypeVar

import msgspec
from msgspec import structs

from revet.core.errors import ManifestError
from revet.core.kinds import KINDS
from revet.core.model.namespace import LimitRange, Namespace, ResourceQuota
from revet.core.model.network_policy import NetworkPolicy
from revet.core.model.pod import ObjectMeta
from revet.core.model.rbac import Binding, Role, Secret, ServiceAccount
from revet.core.model.reader import Reader
from revet.core.model.service import Gateway, Ingress, Service
from revet.core.model.signing_request import SigningRequest
from revet.core.model.wire import Wire
from revet.core.size_limits import refuse_absurd
from revet.core.surroundings import UNSEEN, Surroundings

Body_co = TypeVar("Body_co", covariant=True)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Item(Generic[Body_co]):
    """An object: `body` is what the checks see of it beside kind and metadata.

    `around` is what was seen beside it, which is no part of the object.
    """

    kind: str
    metadata: ObjectMeta
    body: Body_co
    around: Surroundings = field(default=UNSEEN, compare=False)
    _done: dict[Callable[[Any], object], Any] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    #: As of a Subject: nothing stands before the pointers of its findings.
    prefix = ""

    def once(self, work: Callable[[Self], T]) -> T:
        """Return what is worked out of it, once for all controls and policies that ask."""
        if work not in self._done:
            self._done[work] = work(self)
        done: T = self._done[work]
        return done

    def put_in(self, namespace: str) -> Self:
        """Return it in a namespace, where it names none."""
        return replace(self, metadata=structs.replace(self.metadata, namespace=namespace))

    def within(self, around: Surroundings) -> Self:
        """Return it with what was seen beside it."""
        return replace(self, around=around)


class _Holder(Wire, frozen=True, gc=False):
    metadata: ObjectMeta | None = None


_NO_METADATA: Final = ObjectMeta()
_RBAC: Final = "rbac.authorization.k8s.io"
_BODIES: Final[dict[tuple[str, str], type[Wire]]] = {
    ("", "Namespace"): Namespace,
    ("", "Service"): Service,
    ("", "Secret"): Secret,
    ("certificates.k8s.io", "CertificateSigningRequest"): SigningRequest,
    ("gateway.networking.k8s.io", "Gateway"): Gateway,
    ("networking.k8s.io", "Ingress"): Ingress,
    ("networking.k8s.io", "NetworkPolicy"): NetworkPolicy,
    (_RBAC, "Role"): Role,
    (_RBAC, "RoleBinding"): Binding,
    (_RBAC, "ClusterRole"): Role,
    (_RBAC, "ClusterRoleBinding"): Binding,
}
#: What is read only because others are judged by it.
_BESIDE: Final[dict[tuple[str, str], type[Wire]]] = {
    ("", "LimitRange"): LimitRange,
    ("", "ResourceQuota"): ResourceQuota,
    ("", "ServiceAccount"): ServiceAccount,
}
_holder = Reader(_Holder)
_readers = {place: Reader(body) for place, body in (_BODIES | _BESIDE).items()}
_CLUSTER_SCOPED: Final = {kind.name for kind in KINDS if not kind.is_namespaced}


def is_item(group: str, kind: str) -> bool:
    """Return whether objects of this kind are judged, and hold no pod."""
    return (group, kind) in _BODIES


def read_item(group: str, kind: str, data: bytes | msgspec.Raw) -> Item[Wire]:
    """Decode an object that is to be judged from its JSON.

    Raises:
        ManifestError: another kind, or JSON that does not fit it; the message names the field, or
            the list that is too long.

    """
    item = read_beside(group, kind, data)
    refuse_absurd(kind, data, item.metadata, item.body)
    return item


def read_beside(group: str, kind: str, data: bytes | msgspec.Raw) -> Item[Wire]:
    """Decode an object that others are judged by, however large: it is there.

    Raises:
        ManifestError: another kind, or JSON that does not fit it; the message names the field.

    """
    reader = _readers.get((group, kind))
    if reader is None:
        raise ManifestError(f"{group or 'core'}/{kind} is read by no control")
    try:
        metadata = _holder.decode(data).metadata or _NO_METADATA
        body = reader.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise ManifestError(f"{kind}: {error}") from error
    if metadata.namespace and kind in _CLUSTER_SCOPED:
        # As the API server does: a manifest may well name one.
        metadata = structs.replace(metadata, namespace=None)
    return Item(kind, metadata, body)
