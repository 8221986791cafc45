"""The ingest's settings: its command line, read once and passed in."""

from dataclasses import dataclass
from pathlib import Path

from revet.adapters.address import Address


@dataclass(frozen=True, slots=True)
class Settings:
    """What the process was told.

    Attributes:
        listen: TLS, for sensors, shippers, the API server and the operator.
        health: plain HTTP: /healthz, /readyz, /metrics.
        tls_cert: PEM chain; read again when it changes.
        tls_key: PEM key; read again when it changes.
        client_ca: PEM of who signs the senders' certificates; None: they show none.
        senders: who may send; read again when it changes.
        handover_token: what the operator shows; read again when it changes.
        audience: what tokens of ServiceAccounts must be for.
        kubeconfig: None takes the pod's ServiceAccount.
        system_namespaces: outside every policy that does not name them.
        rate: events a second that one sender may send.

    """

    listen: Address
    health: Address
    tls_cert: Path
    tls_key: Path
    client_ca: Path | None
    senders: Path
    handover_token: Path
    audience: str
    kubeconfig: str | None
    system_namespaces: frozenset[str]
    rate: float
