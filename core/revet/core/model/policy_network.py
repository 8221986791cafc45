"""`spec.network`: which connections remain, once everything else is denied by default."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field, JsonValue

from revet.core.model.policy_references import ObjectName
from revet.core.model.schema import Expects, MapList, Model, Name, rule
from revet.core.model.selector import LabelSelector

PORT_NAME = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
PortName = Annotated[str, Field(min_length=1, max_length=15, pattern=PORT_NAME)]
PortNumber = Annotated[int, Field(ge=1, le=65535)]
# Each limit binds only its own type of the two.
PORT: dict[str, JsonValue] = {
    "x-kubernetes-int-or-string": True,
    "minimum": 1,
    "maximum": 65535,
    "minLength": 1,
    "maxLength": 15,
    "pattern": PORT_NAME,
}


class Switch(StrEnum):
    """Whether the operator writes objects of its own; outside the policy's enforcement."""

    AUDIT = "Audit"
    ENFORCE = "Enforce"


class Direction(StrEnum):
    """A direction of traffic, seen from the pod."""

    INGRESS = "Ingress"
    EGRESS = "Egress"


class Canary(StrEnum):
    """Whether two short-lived pods show that the network enforces policies."""

    DISABLED = "Disabled"
    ENABLED = "Enabled"


class ApiServerAccess(StrEnum):
    """Which pods may reach the API server."""

    DISABLED = "Disabled"
    BOUND = "Bound"
    ALL = "All"


class Port(Model):
    """A TCP port."""

    port: Annotated[
        PortNumber | PortName,
        Expects("a number from 1 to 65535, or a port's name"),
        Field(json_schema_extra=PORT),
    ]
    """The port's number, or its name in the pod."""


class Peer(Model):
    """An end of a connection.

    Without namespaceSelector: in each namespace that the policy selects; where neither end has one,
    in the same.
    """

    namespace_selector: LabelSelector | None = None
    """The namespaces of the other end, also such that this policy does not select."""
    pod_selector: LabelSelector | None = None
    """The pods of the other end. Default: all."""


Peers = Annotated[tuple[Peer, ...], Field(min_length=1, max_length=16)]
Ports = Annotated[tuple[Port, ...], Field(min_length=1, max_length=16)]


class Monitoring(Model):
    """The connections of the monitoring system."""

    from_: Annotated[Peers, Field(alias="from")]
    """Who may come in."""
    ports: Ports
    """To which ports."""


class Allowance(Model):
    """What every isolated pod may do besides the flows."""

    dns: bool = True
    """Whether pods may ask the cluster's DNS. Default: true."""
    same_namespace: bool = False
    """Whether pods of one namespace may reach each other. Default: false."""
    api_server: ApiServerAccess = ApiServerAccess.BOUND
    """Bound (default): pods with a mounted token that is bound to a role may reach the API
    server. All: every isolated pod. Disabled: none.
    """
    aggregated_apis: bool = True
    """Whether the API server may reach the webhooks and aggregated APIs that run here.
    Default: true.
    """
    monitoring: Monitoring | None = None
    """The connections of the monitoring system. Default: none."""
    ingress_controllers: Peers | None = None
    """The ingress controllers, that may reach what an Ingress exposes. Default: none."""


class Flow(Model):
    """A connection that is allowed; both of its ends are written."""

    name: Name
    """The name that generated objects and messages use."""
    from_: Annotated[Peer, Field(alias="from")]
    """Who connects."""
    to: Peer
    """To whom."""
    ports: Ports
    """To which ports."""


class Client(Model):
    """Pods that may reach a database."""

    namespace_selector: LabelSelector
    """The namespaces of the clients."""
    service_accounts: Annotated[tuple[ObjectName, ...], Field(min_length=1, max_length=32)]
    """The service accounts whose pods may carry the client label."""


class Database(Model):
    """Pods that only pods with the label revet.dev/db-client: NAME may reach."""

    name: Name
    """The value of the client label."""
    pod_selector: LabelSelector
    """The database's pods."""
    ports: Ports
    """The database's ports."""
    clients: Annotated[tuple[Client, ...], Field(min_length=1, max_length=32)]
    """Who may carry the client label."""


class Network(Model):
    """Default deny and what is allowed all the same, generated as NetworkPolicies."""

    mode: Switch = Switch.AUDIT
    """Audit (default): reported only, nothing is written. Enforce: written and kept."""
    isolate: Annotated[tuple[Direction, ...], Field(min_length=1, max_length=2)] = (
        Direction.INGRESS,
        Direction.EGRESS,
    )
    """The directions that are denied by default. Default: both."""
    canary: Canary = Canary.DISABLED
    """Enabled: two short-lived pods show whether the network enforces. Default: Disabled."""
    allow: Allowance = Allowance()
    """What every isolated pod may do besides the flows."""
    flows: Annotated[tuple[Flow, ...], Field(max_length=64), MapList("name")] = ()
    """The connections between services."""
    databases: Annotated[tuple[Database, ...], Field(max_length=32), MapList("name")] = ()
    """The databases, each with its clients."""

    @rule(
        "!has(self.databases) || size(self.databases) == 0 || !has(self.isolate)"
        " || 'Ingress' in self.isolate",
        "needs Ingress in isolate: else everybody may reach them",
        "databases",
    )
    def isolates_databases(self) -> bool:
        """Tell whether what databases deny is denied at all."""
        return not self.databases or Direction.INGRESS in self.isolate
