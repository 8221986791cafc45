"""Keeps what the facts are made from, and makes them: the operator feeds it, and `revet render`.

One store for all kinds, as Neighbours is for controls; the pods are held as few fields each.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import msgspec

from revet.core.checks.netpol_too_wide import CHECK as TOO_WIDE
from revet.core.errors import ManifestError
from revet.core.item import Item
from revet.core.model.meta import DB_CLIENT_LABEL, MANAGED_BY
from revet.core.model.network_policy import NetworkPolicy
from revet.core.model.pod import ObjectMeta
from revet.core.model.policy import GROUP, KIND, VERSION
from revet.core.model.settings import DEFAULT_SETTINGS
from revet.core.neighbours import Neighbours, read_neighbour
from revet.core.network.backends import addresses, backend, ingress_ports
from revet.core.network.clients import tell_apart
from revet.core.network.facts import (
    Addresses,
    Backend,
    ClusterFacts,
    DatabaseClient,
    Dns,
    HostPod,
    NamespaceFacts,
    Opener,
    PodPort,
)
from revet.core.network.records import (
    CALLERS,
    RECORDS,
    IngressRecord,
    Meta,
    NetworkPolicyRecord,
    PodRecord,
    ServiceRecord,
    SliceRecord,
    read_record,
)
from revet.core.permissions import BINDINGS
from revet.core.render.isolation_names import is_named_for

#: Every kind that is read.
KINDS: Final = (*RECORDS, *sorted(BINDINGS))
#: Changed in every namespace.
EVERYWHERE: Final = ""

_SYSTEM: Final = "kube-system"
_DNS: Final = "kube-dns"
_API: Final = ("default", "kubernetes")
#: What is about every namespace.
_SHARED: Final = {_API, (_SYSTEM, _DNS)}
#: Where kubectl puts what names no namespace.
_DEFAULT: Final = "default"
_CILIUM: Final = "ciliumnetworkpolicies.cilium.io"
_SERVICE_NAME: Final = "kubernetes.io/service-name"
_CALLED_AT: Final = 443  # where a reference to a Service names no port


class Survey:
    """The facts of a cluster, as far as it was fed."""

    def __init__(
        self,
        system: frozenset[str] = frozenset(),
        is_all: Callable[[str], bool] = lambda _: True,
    ) -> None:
        """Start empty; `is_all` tells of a kind whether everything was seen."""
        self._system = system
        self._neighbours = Neighbours(is_all)
        self._records: dict[str, dict[str, dict[str, Any]]] = {
            kind: defaultdict(dict) for kind in RECORDS
        }
        #: The namespaces in which something has changed.
        self.changed: set[str] = set()
        #: Whether CiliumNetworkPolicies are to be written.
        self.has_cilium = False

    def replace(self, kind: str, objects: Iterable[bytes | msgspec.Raw]) -> list[str]:
        """Take these objects for all there are of a kind; return what could not be read."""
        self.changed.add(EVERYWHERE)
        if kind in BINDINGS:
            self._neighbours.forget(kind)
        else:
            self._records[kind].clear()
        problems: list[str] = []
        for data in objects:
            try:
                self.put(kind, data)
            except ManifestError as error:
                problems.append(str(error))
        return problems

    def put(self, kind: str, data: bytes | msgspec.Raw) -> None:
        """Take an object that is new or has changed.

        Raises:
            ManifestError: it can't be read.

        """
        if kind in BINDINGS:
            self._neighbours.put(read_neighbour(kind, data))
            self.changed.add(EVERYWHERE)
            return
        record = read_record(kind, data)
        place = self._find(kind, record)
        if _is_of_use(record):
            place[record.metadata.name] = record
        else:
            place.pop(record.metadata.name, None)

    def drop(self, kind: str, data: bytes | msgspec.Raw) -> None:
        """Forget an object.

        Raises:
            ManifestError: it can't be read.

        """
        if kind in BINDINGS:
            self._neighbours.drop(read_neighbour(kind, data))
            self.changed.add(EVERYWHERE)
            return
        record = read_record(kind, data)
        self._find(kind, record).pop(record.metadata.name, None)

    @property
    def serves_cilium(self) -> bool:
        """Whether there are CiliumNetworkPolicies in this cluster."""
        return _CILIUM in self._records["CustomResourceDefinition"].get("", {})

    def cluster(self) -> ClusterFacts:
        """Return what is the same in all namespaces."""
        service = self._service(*_API)
        return ClusterFacts(
            dns=self._dns(),
            api_server=tuple(self._api_server()),
            api_service=None if service is None else addresses(service),
            system=self._system,
            has_cilium=self.has_cilium,
        )

    def namespace(self, name: str) -> NamespaceFacts:
        """Return what is so in one namespace."""
        pods = [each for each in self._all("Pod", name) if not each.is_on_host]
        wanted = [each for each in pods if self._is_client(each)]
        others = [each for each in pods if not self._is_client(each)]
        api_clients, api_unclear = tell_apart(wanted, others)
        unclear: list[str] = []
        called = self._backends(name, self._called_in(name), unclear)
        exposed = self._backends(name, self._exposed_in(name), unclear)
        openers = tuple(
            sorted(
                (each for record in self._all("NetworkPolicy", name) for each in _openers(record)),
                key=lambda each: (each.name, each.direction),
            )
        )
        return NamespaceFacts(
            api_clients,
            api_unclear,
            called,
            exposed,
            tuple(unclear),
            openers,
            tuple(sorted(_on_host(self._all("Pod", name)), key=lambda each: each.name)),
            tuple(sorted(_database_clients(pods), key=lambda each: each.name)),
        )

    def depends_on_pods(self, namespace: str) -> bool:
        """Tell whether what is written depends on its pods: where no account has a role, not."""
        return self._neighbours.has_bound(namespace) is not False

    def _find(self, kind: str, record: Any) -> dict[str, Any]:  # noqa: ANN401 -- of any kind
        """Return those of a namespace, one of which is about to change."""
        is_shared = kind in CALLERS
        home = "" if is_shared else record.metadata.namespace or _DEFAULT
        if is_shared or kind == "EndpointSlice" or (home, record.metadata.name) in _SHARED:
            self.changed.add(EVERYWHERE)
        else:
            self.changed.add(home)
        return self._records[kind][home]

    def _all(self, kind: str, namespace: str) -> Iterable[Any]:
        return self._records[kind].get(namespace, {}).values()

    def _service(self, namespace: str, name: str) -> ServiceRecord | None:
        found: ServiceRecord | None = self._records["Service"].get(namespace, {}).get(name)
        return found

    def _is_client(self, pod: PodRecord) -> bool:
        is_bound = self._neighbours.is_bound(pod.metadata.namespace, pod.account)
        return pod.has_token and bool(is_bound)

    def _dns(self) -> Dns | None:
        service = self._service(_SYSTEM, _DNS)
        if service is None or not service.spec.selector:
            return None
        found = backend(service, None)
        return Dns(found.selector, found.ports, addresses(service))

    def _api_server(self) -> Iterator[Addresses]:
        for record in self._all("EndpointSlice", _API[0]):
            found: SliceRecord = record
            if (found.metadata.labels or {}).get(_SERVICE_NAME) != _API[1]:
                continue
            ips = {ip for each in found.endpoints or () for ip in each.addresses or ()}
            ports = {
                PodPort(each.protocol or "TCP", each.port)
                for each in found.ports or ()
                if each.port is not None
            }
            if ips and ports:
                yield Addresses(tuple(sorted(ips)), tuple(sorted(ports)))

    def _called_in(self, namespace: str) -> Iterator[tuple[str, int | str]]:
        for kind in sorted(CALLERS):
            for record in self._all(kind, ""):
                for each in record.services:
                    if each.namespace == namespace:
                        yield each.name, each.port or _CALLED_AT

    def _exposed_in(self, namespace: str) -> Iterator[tuple[str, int | str]]:
        for record in self._all("Ingress", namespace):
            ingress: IngressRecord = record
            yield from ingress_ports(ingress.spec)

    def _backends(
        self, namespace: str, asked: Iterable[tuple[str, int | str]], unclear: list[str]
    ) -> tuple[Backend, ...]:
        """Return the pods behind Services, each Service once with all ports that are asked for."""
        ports: dict[str, set[int | str]] = defaultdict(set)
        for name, port in asked:
            ports[name].add(port)
        found: list[Backend] = []
        for name, wanted in sorted(ports.items()):
            service = self._service(namespace, name)
            if service is None:
                continue  # it leads nowhere, and is looked at again when it comes
            if not service.spec.selector:
                unclear.append(f"Service {name} has no selector that tells its pods")
                continue
            made = backend(service, wanted)
            if made.ports:
                found.append(made)
        return tuple(found)


def _is_of_use(record: Any) -> bool:  # noqa: ANN401 -- of any kind
    """Tell whether anything is made of it: of most NetworkPolicies and ended pods nothing is."""
    match record:
        case PodRecord():
            return not record.has_ended
        case NetworkPolicyRecord():
            return any(_openers(record))
        case _:
            return True


def _on_host(pods: Iterable[PodRecord]) -> Iterator[HostPod]:
    for pod in pods:
        if pod.is_on_host:
            yield HostPod(pod.metadata.name, tuple(sorted(pod.labels.items())))


def _database_clients(pods: Iterable[PodRecord]) -> Iterator[DatabaseClient]:
    for pod in pods:
        if DB_CLIENT_LABEL in pod.labels:
            database = pod.labels[DB_CLIENT_LABEL]
            yield DatabaseClient(pod.metadata.name, pod.account, database)


def _is_kept(metadata: Meta) -> bool:
    """Tell whether an object is ours, or taken away: by us, or where its owner is none.

    The garbage collector leaves alone what a kind owns that it does not know.
    """
    return any(
        (each.api_version, each.kind) == (f"{GROUP}/{VERSION}", KIND)
        and is_named_for(metadata.name, each.name)
        for each in metadata.owner_references or ()
    )


def _openers(record: NetworkPolicyRecord) -> Iterator[Opener]:
    metadata = record.metadata
    if MANAGED_BY.items() <= (metadata.labels or {}).items() and _is_kept(metadata):
        return
    item = Item("NetworkPolicy", ObjectMeta(), NetworkPolicy(record.spec))
    found = [each for rule in TOO_WIDE.items for each in rule.judge(item, DEFAULT_SETTINGS)]
    places = [each.pointer for each in found]
    if any(each.startswith("/spec/ingress") for each in places):
        yield Opener(metadata.name, "Ingress")
    if any(each.startswith("/spec/egress") for each in places):
        yield Opener(metadata.name, "Egress")
