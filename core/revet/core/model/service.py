"""Services and Ingresses as the checks read them: what they expose, and to whom.

https://kubernetes.io/docs/reference/kubernetes-api/service-resources/
"""

import msgspec

from revet.core.model.wire import Wire


class ServicePort(Wire, frozen=True, gc=False):
    """A port of a Service; `target_port` is a number or a container port's name."""

    name: str | None = None
    port: int | None = None
    target_port: int | str | None = None


class ServiceSpec(Wire, frozen=True, gc=False):
    """A Service's spec."""

    type: str | None = None
    selector: dict[str, str] | None = None
    ports: tuple[ServicePort, ...] | None = None
    external_name: str | None = None
    external_ips: tuple[str, ...] | None = msgspec.field(name="externalIPs", default=None)
    load_balancer_source_ranges: tuple[str, ...] | None = None


class Service(Wire, frozen=True, gc=False):
    """A Service, but for its metadata."""

    spec: ServiceSpec = ServiceSpec()


class BackendPort(Wire, frozen=True, gc=False):
    """The port of a Service that an Ingress leads to."""

    name: str | None = None
    number: int | None = None


class BackendService(Wire, frozen=True, gc=False):
    """The Service that an Ingress leads to."""

    name: str = ""
    port: BackendPort | None = None


class Backend(Wire, frozen=True, gc=False):
    """Where an Ingress leads to."""

    service: BackendService | None = None


class IngressPath(Wire, frozen=True, gc=False):
    """A path of a host, and where it leads to."""

    path: str | None = None
    backend: Backend | None = None


class IngressHttp(Wire, frozen=True, gc=False):
    """The paths of a host."""

    paths: tuple[IngressPath, ...] | None = None


class IngressRule(Wire, frozen=True, gc=False):
    """What one host serves; no host: all."""

    host: str | None = None
    http: IngressHttp | None = None


class IngressTls(Wire, frozen=True, gc=False):
    """Hosts that one certificate serves; no hosts: the certificate's own."""

    hosts: tuple[str, ...] | None = None
    secret_name: str | None = None


class IngressSpec(Wire, frozen=True, gc=False):
    """An Ingress's spec."""

    default_backend: Backend | None = None
    rules: tuple[IngressRule, ...] | None = None
    tls: tuple[IngressTls, ...] | None = None


class Ingress(Wire, frozen=True, gc=False):
    """An Ingress, but for its metadata."""

    spec: IngressSpec = IngressSpec()


class Listener(Wire, frozen=True, gc=False):
    """A listener of a Gateway."""

    name: str = ""
    port: int | None = None
    protocol: str | None = None


class GatewaySpec(Wire, frozen=True, gc=False):
    """A Gateway's spec."""

    listeners: tuple[Listener, ...] | None = None


class Gateway(Wire, frozen=True, gc=False):
    """A Gateway (gateway.networking.k8s.io), but for its metadata."""

    spec: GatewaySpec = GatewaySpec()
