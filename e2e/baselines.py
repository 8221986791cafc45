"""What a policy writes into namespaces beside labels, and how tests read it back."""

from typing import Any, Final

from e2e.api import Api
from e2e.webhook import policy
from tests.support.manifests import Manifest

HARD: Final = {"pods": 20, "requests.cpu": "0.5", "limits.memory": "2048Mi"}
STORED: Final = {"pods": "20", "requests.cpu": "500m", "limits.memory": "2Gi"}
LIMITS: Final = {
    "type": "Container",
    "max": {"memory": "1024Mi"},
    "default": {"memory": "256Mi", "cpu": 1},
}
ASKED: Final[Manifest] = {
    "mode": "Enforce",
    "resourceQuota": {"hard": HARD},
    "limitRange": {"limits": [LIMITS]},
    "serviceAccounts": {"automountToken": False},
}
ACCOUNT: Final = {"kind": "ServiceAccount", "metadata": {"name": "default"}}
FIELD: Final = "automountServiceAccountToken"


def asking(name: str, asked: Manifest | None = None, **spec: object) -> Manifest:
    """Write a policy that selects by its own name, and asks for these baselines, or for all."""
    return dict(policy(name, {name: "yes"}, namespaces=ASKED if asked is None else asked, **spec))


def quotas(api: Api, namespace: str) -> dict[str, Any]:
    """Return what the quotas of a namespace bound, by name."""
    items = api.items("ResourceQuota", namespace)
    return {each["metadata"]["name"]: each["spec"].get("hard", {}) for each in items}


def limits(api: Api, namespace: str) -> dict[str, Any]:
    """Return the limits of a namespace's LimitRanges, by name."""
    items = api.items("LimitRange", namespace)
    return {each["metadata"]["name"]: each["spec"]["limits"] for each in items}


def account(api: Api, namespace: str) -> Manifest:
    """Return the ServiceAccount `default` of a namespace."""
    found: Manifest = api.get(ACCOUNT, namespace).body
    return found


def is_furnished(api: Api, namespace: str) -> bool:
    """Return whether all that is asked for by default stands."""
    return (
        list(quotas(api, namespace).values()) == [STORED]
        and len(limits(api, namespace)) == 1
        and account(api, namespace).get(FIELD) is False
    )


def is_bare(api: Api, namespace: str) -> bool:
    """Return whether nothing of it stands."""
    bounds = quotas(api, namespace) | limits(api, namespace)
    return not bounds and FIELD not in account(api, namespace)
