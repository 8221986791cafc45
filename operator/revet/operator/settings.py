"""The operator's settings: its command line, read once and passed in."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit

from revet.adapters.address import Address, SettingsError

#: By this name the chart lets the operator read the role and hold the Lease.
_NAME: Final = "revet-operator"


@dataclass(frozen=True, slots=True)
class CanarySettings:
    """What the canary's pods run, by its digest, and the seconds for each of its steps."""

    image: str
    timeout_s: float


@dataclass(frozen=True, slots=True)
class PublicRootSettings:
    """The TUF repository of the public trust root, and the folder for what was seen of it."""

    url: str
    folder: Path


@dataclass(frozen=True, slots=True)
class Settings:
    """What the process was told.

    Attributes:
        namespace: Revet's own.
        kubeconfig: None takes the pod's ServiceAccount.
        service: the Service in front of the webhook, in our namespace.
        webhook_url: a webhook outside of the cluster; None: the Service.
        owner: the ClusterRole that owns cluster-scoped objects, so that they go when it goes.
        system_namespaces: outside every policy that does not name them.
        tolerated_keys: label keys that clouds add to the selectors of webhook entries.
        health: plain HTTP: /healthz, /readyz, /metrics.
        audit_interval_s: seconds between two audits of all pods.
        lease: the Lease that makes one of several replicas the leader.
        identity: who holds it; the same after a restart of the container.
        ingest_service: the Service in front of the ingest, in our namespace; None: there is none.
        ingest_url: an ingest outside of the cluster; None: the Service, if any.
        quarantines: whether pods may be put in quarantine, where policies ask for it.
        canary: how to try whether the network enforces; None: there is no canary.
        public_root: from where the public trust root is refreshed; None: it is not.
        image_interval_s: seconds in which each image that runs is verified once.

    """

    namespace: str
    kubeconfig: str | None
    service: str
    webhook_url: str | None
    system_namespaces: frozenset[str]
    tolerated_keys: frozenset[str]
    health: Address
    audit_interval_s: float
    identity: str
    ingest_service: str | None = None
    ingest_url: str | None = None
    quarantines: bool = False
    canary: CanarySettings | None = None
    owner: str = _NAME
    lease: str = _NAME
    public_root: PublicRootSettings | None = None
    image_interval_s: float = 21600

    @property
    def canary_namespace(self) -> str:
        """Where the canary's pods run; the chart makes it, by the same name."""
        return f"{self.namespace}-canary"

    @property
    def has_ingest(self) -> bool:
        """Whether there is an ingest to be asked."""
        return self.ingest_service is not None or self.ingest_url is not None


_DIGEST: Final = re.compile(r"[^@\s]+@sha256:[0-9a-f]{64}")


def parse_canary(image: str, timeout_s: float) -> CanarySettings:
    """Check the image of the canary.

    Raises:
        SettingsError: it names no digest.

    """
    if not _DIGEST.fullmatch(image):
        raise SettingsError(f"--canary-image {image!r} must be NAME@sha256:DIGEST")
    return CanarySettings(image, timeout_s)


def parse_url(text: str, flag: str) -> str:
    """Check the URL of a process of ours outside of the cluster, and return it.

    Raises:
        SettingsError: no URL that a webhook entry may have.

    """
    parts = _split_https(text)
    if parts is None or parts.path.strip("/"):
        raise SettingsError(f"{flag} {text!r} must be https://HOST or https://HOST:PORT")
    return text.rstrip("/")


def parse_public_root(url: str | None, folder: Path) -> PublicRootSettings | None:
    """Check the URL of a TUF repository, if there is any.

    Raises:
        SettingsError: it is no https:// URL with a host.

    """
    if url is None:
        return None
    if _split_https(url) is None:
        raise SettingsError(f"--public-root-tuf {url!r} must be https://HOST[:PORT][/PATH]")
    return PublicRootSettings(url.rstrip("/"), folder)


def _split_https(text: str) -> SplitResult | None:
    """Return the parts of an https:// URL of a host and a path; None where it is no such one."""
    try:
        parts = urlsplit(text)
        is_good = bool(parts.scheme == "https" and parts.hostname and parts.port != 0)
    except ValueError:
        return None
    if not is_good or parts.query or parts.fragment or parts.username:
        return None
    return parts
