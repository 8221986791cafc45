"""The objects that the facts are made from, with just the fields that are read of them."""

from typing import Any, Final

import msgspec

from revet.core.errors import ManifestError
from revet.core.model.network_policy import NetworkPolicySpec
from revet.core.model.pod import OwnerReference
from revet.core.model.service import IngressSpec
from revet.core.model.volume import Projected
from revet.core.model.wire import Wire

#: Fields of a pod that has ended: nothing is allowed for it.
_ENDED: Final = frozenset({"Succeeded", "Failed"})


class Meta(Wire, frozen=True, gc=False):
    """The metadata of any of them."""

    name: str = ""
    namespace: str = ""
    labels: dict[str, str] | None = None
    owner_references: tuple[OwnerReference, ...] | None = None


class PodMeta(Wire, frozen=True, gc=False):
    """The metadata of a pod, of which there are many."""

    name: str = ""
    namespace: str = ""
    labels: dict[str, str] | None = None


class PodVolume(Wire, frozen=True, gc=False):
    """A volume of a pod, of which there are many: only what tokens come in."""

    projected: Projected | None = None


class PodSpec(Wire, frozen=True, gc=False):
    """A pod's spec."""

    service_account_name: str | None = None
    host_network: bool | None = None
    volumes: tuple[PodVolume, ...] | None = None


class PodStatus(Wire, frozen=True, gc=False):
    """A pod's status."""

    phase: str | None = None


class PodRecord(Wire, frozen=True, gc=False):
    """A pod."""

    metadata: PodMeta
    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()

    @property
    def labels(self) -> dict[str, str]:
        """Its labels."""
        return self.metadata.labels or {}

    @property
    def account(self) -> str:
        """The name of its ServiceAccount."""
        return self.spec.service_account_name or "default"

    @property
    def is_on_host(self) -> bool:
        """Whether it is on the network of its node, where no NetworkPolicy holds."""
        return bool(self.spec.host_network)

    @property
    def has_ended(self) -> bool:
        """Whether its containers have ended for good."""
        return self.status.phase in _ENDED

    @property
    def has_token(self) -> bool:
        """Whether a token for the API server is among its volumes: one of no other audience."""
        sources = (
            source.service_account_token
            for volume in self.spec.volumes or ()
            if volume.projected is not None
            for source in volume.projected.sources or ()
        )
        return any(token is not None and not token.audience for token in sources)


class ServicePort(Wire, frozen=True, gc=False):
    """A port of a Service."""

    name: str | None = None
    port: int = 0
    protocol: str | None = None
    target_port: int | str | None = None


class ServiceSpec(Wire, frozen=True, gc=False):
    """A Service's spec."""

    selector: dict[str, str] | None = None
    ports: tuple[ServicePort, ...] | None = None
    cluster_ips: tuple[str, ...] | None = msgspec.field(name="clusterIPs", default=None)


class ServiceRecord(Wire, frozen=True, gc=False):
    """A Service."""

    metadata: Meta
    spec: ServiceSpec = ServiceSpec()


class Endpoint(Wire, frozen=True, gc=False):
    """Addresses of one endpoint."""

    addresses: tuple[str, ...] | None = None


class EndpointPort(Wire, frozen=True, gc=False):
    """A port of all endpoints of a slice."""

    port: int | None = None
    protocol: str | None = None


class SliceRecord(Wire, frozen=True, gc=False):
    """An EndpointSlice."""

    metadata: Meta
    endpoints: tuple[Endpoint, ...] | None = None
    ports: tuple[EndpointPort, ...] | None = None


class IngressRecord(Wire, frozen=True, gc=False):
    """An Ingress."""

    metadata: Meta
    spec: IngressSpec = IngressSpec()


class NetworkPolicyRecord(Wire, frozen=True, gc=False):
    """A NetworkPolicy."""

    metadata: Meta
    spec: NetworkPolicySpec = NetworkPolicySpec()


class ServiceReference(Wire, frozen=True, gc=False):
    """The Service that the API server calls."""

    namespace: str = ""
    name: str = ""
    port: int | None = None


class ClientConfig(Wire, frozen=True, gc=False):
    """How the API server calls: a Service, or a URL."""

    service: ServiceReference | None = None


class Webhook(Wire, frozen=True, gc=False):
    """An entry of a webhook configuration."""

    client_config: ClientConfig = ClientConfig()


class Conversion(Wire, frozen=True, gc=False):
    """How versions of a custom resource are converted."""

    webhook: Webhook | None = None


class CallerSpec(Wire, frozen=True, gc=False):
    """What an APIService or a CustomResourceDefinition says of whom to call."""

    service: ServiceReference | None = None
    conversion: Conversion | None = None


class CallerRecord(Wire, frozen=True, gc=False):
    """An object by which the API server calls Services."""

    metadata: Meta
    webhooks: tuple[Webhook, ...] | None = None
    spec: CallerSpec = CallerSpec()

    @property
    def services(self) -> list[ServiceReference]:
        """The Services that it has called."""
        webhooks = list(self.webhooks or ())
        if self.spec.conversion is not None and self.spec.conversion.webhook is not None:
            webhooks.append(self.spec.conversion.webhook)
        found = [self.spec.service, *(each.client_config.service for each in webhooks)]
        return [each for each in found if each is not None]


RECORDS: Final[dict[str, type[Any]]] = {
    "Pod": PodRecord,
    "Service": ServiceRecord,
    "EndpointSlice": SliceRecord,
    "Ingress": IngressRecord,
    "NetworkPolicy": NetworkPolicyRecord,
    "ValidatingWebhookConfiguration": CallerRecord,
    "MutatingWebhookConfiguration": CallerRecord,
    "APIService": CallerRecord,
    "CustomResourceDefinition": CallerRecord,
}
CALLERS: Final = frozenset(kind for kind, record in RECORDS.items() if record is CallerRecord)
_decoders: Final = {kind: msgspec.json.Decoder(record) for kind, record in RECORDS.items()}


def read_record(kind: str, data: bytes | msgspec.Raw) -> Any:  # noqa: ANN401 -- by the kind
    """Decode an object of one of the RECORDS.

    Raises:
        ManifestError: JSON that does not fit the kind.

    """
    try:
        return _decoders[kind].decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise ManifestError(f"{kind}: {error}") from error
