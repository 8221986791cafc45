"""What a policy has written into a namespace beside labels: a ResourceQuota, a LimitRange."""

import json
import re
from hashlib import sha256
from typing import Final, cast

from revet.core.bounds import LIMITS, QUOTA
from revet.core.model.meta import Manifest
from revet.core.model.policy import HardeningPolicy
from revet.core.model.policy_namespaces import LimitRange, Namespaces, ResourceQuota
from revet.core.model.policy_network import Switch
from revet.core.render.owned import HASH_LENGTH, owned_metadata

_SCOPES_LENGTH: Final = 8
_SOURCES: Final = {QUOTA: "resourceQuota", LIMITS: "limitRange"}
#: How all of them are named.
NAMES: Final = re.compile(
    rf"revet-[0-9a-f]{{{HASH_LENGTH}}}-(resource-quota(-[0-9a-f]{{{_SCOPES_LENGTH}}})?|limit-range)"
)


def asked_of(policy: HardeningPolicy) -> Namespaces | None:
    """Return the baselines that a policy wants written; None where it wants nothing."""
    asked = policy.spec.namespaces
    return asked if asked is not None and asked.mode is Switch.ENFORCE else None


def quiets(policy: HardeningPolicy) -> bool:
    """Return whether a policy wants no token mounted for the ServiceAccount `default`."""
    asked = asked_of(policy)
    accounts = asked.service_accounts if asked else None
    return accounts is not None and accounts.automount_token is False


def bounds(policy: HardeningPolicy, namespace: str) -> dict[str, Manifest]:
    """Return, by kind, what bounds the resources of a namespace that a policy selects."""
    asked = asked_of(policy)
    if asked is None:
        return {}
    made: dict[str, Manifest] = {}
    if asked.resource_quota is not None:
        spec = _write(asked.resource_quota)
        made[QUOTA] = _manifest(policy, namespace, QUOTA, _role(spec), spec)
    if asked.limit_range is not None:
        spec = _write(asked.limit_range)
        made[LIMITS] = _manifest(policy, namespace, LIMITS, "limit-range", spec)
    return made


def _role(spec: Manifest) -> str:
    """Name a quota by its scopes, too: they never change, so with others it is another one."""
    scopes = {key: spec[key] for key in ("scopes", "scopeSelector") if key in spec}
    if not scopes:
        return "resource-quota"
    text = json.dumps(scopes, sort_keys=True)
    return f"resource-quota-{sha256(text.encode()).hexdigest()[:_SCOPES_LENGTH]}"


def _manifest(
    policy: HardeningPolicy, namespace: str, kind: str, role: str, spec: Manifest
) -> Manifest:
    source = f"spec.namespaces.{_SOURCES[kind]}"
    metadata = owned_metadata(policy, namespace, role, source)
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata, "spec": spec}


def _write(asked: ResourceQuota | LimitRange) -> Manifest:
    written: Manifest = asked.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return {key: _as_text(each) for key, each in written.items()}


def _as_text(value: object) -> object:
    """Write quantities as the API server does, as texts; a spec holds no other number."""
    if isinstance(value, dict):
        return {key: _as_text(each) for key, each in cast("Manifest", value).items()}
    if isinstance(value, list):
        return [_as_text(each) for each in cast("list[object]", value)]
    return str(value)
