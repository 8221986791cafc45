"""database-exposure: no node port, load balancer or Ingress leads to a database.

Fields: spec.{type,ports,selector} of Services, spec.{rules,defaultBackend} of Ingresses
Allowed: ClusterIP Services for the ports and pods of databases
"""

from collections.abc import Iterator
from typing import Final

from revet.core.check import (
    Check,
    Default,
    Explanation,
    Finding,
    Fix,
    ItemRule,
    Parameter,
    Profiles,
)
from revet.core.item import Item
from revet.core.model.service import BackendService, Ingress, Service
from revet.core.model.settings import Settings
from revet.core.permissions import is_allowed

#: By their registered or customary numbers.
_PORTS: Final = {
    1433: "SQL Server",
    1521: "Oracle",
    2379: "etcd",
    3306: "MySQL",
    5432: "PostgreSQL",
    5984: "CouchDB",
    6379: "Redis",
    9042: "Cassandra",
    9200: "Elasticsearch",
    11211: "memcached",
    27017: "MongoDB",
}
#: How charts name the ports of these, and label their pods.
_NAMES: Final = {
    "cassandra",
    "couchdb",
    "elasticsearch",
    "etcd",
    "mariadb",
    "memcached",
    "mongodb",
    "mysql",
    "oracle",
    "postgres",
    "postgresql",
    "redis",
    "valkey",
}
_LABELS: Final = ("app.kubernetes.io/name", "app", "k8s-app")


def _on_services(item: Item[Service], settings: Settings) -> Iterator[Finding]:
    spec = item.body.spec
    if spec.type not in {"NodePort", "LoadBalancer"} or is_allowed(item, settings):
        return
    for index, port in enumerate(spec.ports or ()):
        named = next((each for each in (port.port, port.target_port) if _is(each, settings)), None)
        if named is not None:
            yield _found(f"/spec/ports/{index}", f"type {spec.type} exposes {_word(named)}")
            return
    for label in _LABELS:
        name = (spec.selector or {}).get(label)
        if name in _NAMES:
            yield _found("/spec/selector", f"type {spec.type} exposes pods with {label}: {name}")
            return


def _on_ingresses(item: Item[Ingress], settings: Settings) -> Iterator[Finding]:
    if is_allowed(item, settings):
        return
    for pointer, backend in _backends(item.body):
        port = (backend.port.number or backend.port.name) if backend.port is not None else None
        if _is(port, settings):
            yield _found(pointer, f"leads to {backend.name}, {_word(port)}")


def _backends(ingress: Ingress) -> Iterator[tuple[str, BackendService]]:
    default = ingress.spec.default_backend
    if default is not None and default.service is not None:
        yield "/spec/defaultBackend/service", default.service
    for index, rule in enumerate(ingress.spec.rules or ()):
        paths = rule.http.paths if rule.http is not None else None
        for at, path in enumerate(paths or ()):
            if path.backend is not None and path.backend.service is not None:
                place = f"/spec/rules/{index}/http/paths/{at}/backend/service"
                yield place, path.backend.service


def _is(port: int | str | None, settings: Settings) -> bool:
    return port in _PORTS or port in settings.ports or port in _NAMES


def _word(port: int | str | None) -> str:
    known = _PORTS.get(port) if isinstance(port, int) else None
    return f"port {port} ({known})" if known else f"port {port}"


def _found(pointer: str, message: str) -> Finding:
    fix = Fix("type: ClusterIP, and a NetworkPolicy for the clients")
    return Finding("database-exposure", pointer, message, None, fix)


CHECK = Check(
    id="database-exposure",
    title="No database is exposed",
    tier=1,
    items=(
        ItemRule(("Service",), _on_services),
        ItemRule(("Ingress",), _on_ingresses),
    ),
    profiles=Profiles(Default.ENFORCE, Default.ENFORCE, Default.ENFORCE),
    parameters=(
        Parameter("allow", "Services and Ingresses that may, as NAMESPACE/NAME."),
        Parameter("ports", "Further ports of databases, beside the customary ones."),
    ),
    explanation=Explanation(
        what="No Service of type NodePort or LoadBalancer, and no Ingress, leads to a port that "
        "is customary for a database by number or name, or that the policy names; nor does such "
        "a Service select pods that are labelled app.kubernetes.io/name: postgresql or the like.",
        why="Databases are made for clients that are trusted; what is open to a network is "
        "scanned within hours.",
        fix="""\
spec:
  type: ClusterIP
  ports: [{port: 5432}]""",
        breaks="Databases that are served to other clusters; name them in allow.",
    ),
    supports=(("NIST 800-190", "4.3.3"),),
)
