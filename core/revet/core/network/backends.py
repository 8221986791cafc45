"""From a Service to the ports of its pods: packets are judged after they were sent on to a pod."""

from collections.abc import Collection, Iterator

from revet.core.model.service import BackendService, IngressSpec
from revet.core.network.facts import Addresses, Backend, PodPort
from revet.core.network.records import ServicePort, ServiceRecord

#: The headless Service's address.
_NONE = "None"


def backend(service: ServiceRecord, wanted: Collection[int | str] | None) -> Backend:
    """Return the pods of a Service, with the ports that are `wanted` of it; None: all of them."""
    ports = {
        pod_port(each)
        for each in service.spec.ports or ()
        if wanted is None or each.port in wanted or each.name in wanted
    }
    labels = tuple(sorted((service.spec.selector or {}).items()))
    return Backend(service.metadata.name, labels, tuple(sorted(ports, key=_order)))


def pod_port(port: ServicePort) -> PodPort:
    """Return the port of the pods that a Service's port leads to."""
    return PodPort(port.protocol or "TCP", port.target_port or port.port)


def addresses(service: ServiceRecord) -> Addresses:
    """Return the Service's own addresses, with its own ports; a headless one has none."""
    ports = {PodPort(each.protocol or "TCP", each.port) for each in service.spec.ports or ()}
    ips = tuple(each for each in service.spec.cluster_ips or () if each != _NONE)
    return Addresses(ips, tuple(sorted(ports, key=_order)))


def ingress_ports(spec: IngressSpec) -> Iterator[tuple[str, int | str]]:
    """Yield the Services that an Ingress leads to, each with the port's number or name."""
    backends = [spec.default_backend] + [
        path.backend
        for rule in spec.rules or ()
        if rule.http is not None
        for path in rule.http.paths or ()
    ]
    for each in backends:
        if each is not None and each.service is not None:
            yield from _service_port(each.service)


def _service_port(service: BackendService) -> Iterator[tuple[str, int | str]]:
    if service.port is not None:
        port = service.port.number or service.port.name
        if port:
            yield service.name, port


def _order(port: PodPort) -> tuple[str, str]:
    """Sort names and numbers together."""
    return port.protocol, str(port.port)
