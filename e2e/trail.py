"""What the ServiceAccounts of the chart have asked of the API server, by its audit log."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from e2e.cluster.controlplane import ControlPlane
from e2e.release import NAMESPACE

_ACCOUNTS: Final = f"system:serviceaccount:{NAMESPACE}:"
_READS: Final = frozenset({"get", "list", "watch"})
_TOKEN: Final = "authentication.kubernetes.io/credential-id"  # noqa: S105 -- a key, no secret


@dataclass(frozen=True)
class Request:
    """One request: by which account and token, when, what was asked, and the answer's status."""

    account: str
    token: str
    at: datetime
    verb: str
    resource: str
    namespace: str
    name: str
    status: int

    @property
    def is_write(self) -> bool:
        """Whether it was to change something."""
        return self.verb not in _READS


class Trail:
    """Reads on in the audit log from where it was made."""

    def __init__(self, plane: ControlPlane) -> None:
        self._log = plane.audit_log
        self._place = self._log.stat().st_size
        self._requests: list[Request] = []

    def requests(self) -> list[Request]:
        """Return what our accounts have asked since."""
        with self._log.open("rb") as file:
            file.seek(self._place)
            data = file.read()
        # The last line may not be whole yet.
        whole = data[: data.rfind(b"\n") + 1]
        self._place += len(whole)
        events = map(json.loads, whole.splitlines())
        self._requests += (request for event in events if (request := _read(event)) is not None)
        return self._requests

    def writes(self) -> list[Request]:
        """Return the writes among them, but for those of the Lease."""
        return [each for each in self.requests() if each.is_write and each.resource != "leases"]


def _read(event: dict[str, Any]) -> Request | None:
    user = event["user"]
    if not user["username"].startswith(_ACCOUNTS) or "objectRef" not in event:
        return None
    said = event["objectRef"]
    subresource = said.get("subresource", "")
    return Request(
        user["username"].removeprefix(_ACCOUNTS),
        "".join(user.get("extra", {}).get(_TOKEN, ())),
        datetime.fromisoformat(event["requestReceivedTimestamp"]),
        event["verb"],
        said.get("resource", "") + (f"/{subresource}" if subresource else ""),
        said.get("namespace", ""),
        said.get("name", ""),
        event["responseStatus"]["code"],
    )
