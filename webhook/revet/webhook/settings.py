"""The webhook's settings: its command line, read once and passed in."""

from dataclasses import dataclass
from pathlib import Path

from revet.adapters.address import Address


@dataclass(frozen=True, slots=True)
class Settings:
    """What the process was told.

    Attributes:
        listen: TLS, for the API server.
        health: plain HTTP: /healthz, /readyz, /metrics.
        tls_cert: PEM chain; read again when it changes.
        tls_key: PEM key; read again when it changes.
        kubeconfig: None takes the pod's ServiceAccount.
        namespace: Revet's own; what policies refer to is there.
        system_namespaces: outside every policy that does not name them, never refused.
        stale_after_s: seconds without word from the API server until we are not ready.
        drain_s: seconds from SIGTERM on in which new connections are still answered.

    """

    listen: Address
    health: Address
    tls_cert: Path
    tls_key: Path
    kubeconfig: str | None
    namespace: str
    system_namespaces: frozenset[str]
    stale_after_s: float
    drain_s: float
