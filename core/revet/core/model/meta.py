"""What every object of ours carries; apart, since renderers and the plan need the same words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

Manifest = dict[str, Any]

FIELD_MANAGER: Final = "revet"
MANAGED_BY: Final[Mapping[str, str]] = {"app.kubernetes.io/managed-by": "revet"}
MANAGED_SELECTOR: Final = ",".join(f"{key}={value}" for key, value in MANAGED_BY.items())

#: On what was made for one policy: its name, and the field that asked for it.
POLICY_ANNOTATION: Final = "revet.dev/policy"
SOURCE_ANNOTATION: Final = "revet.dev/source"
#: The object of the cluster because of which it is there, where the policy does not name it.
ABOUT_ANNOTATION: Final = "revet.dev/about"
#: On a policy: "true" stops the operator from writing for it.
PAUSED_ANNOTATION: Final = "revet.dev/paused"
#: On a namespace: the Pod Security labels that stood there before ours, as JSON.
POD_SECURITY_ANNOTATION: Final = "revet.dev/pod-security-before"
#: On a ServiceAccount: what its automountServiceAccountToken said before ours, where it said so.
AUTOMOUNT_ANNOTATION: Final = "revet.dev/automount-before"

#: On a Pod: when its images were pinned, and to what.
PINNED_ANNOTATION: Final = "revet.dev/pinned"

BREAK_GLASS_LABEL: Final = "revet.dev/break-glass"
#: On a pod: no connection of it is left; its value stands for the finding that led to it.
QUARANTINE_LABEL: Final = "revet.dev/quarantine"
#: On a pod, too: what led to it, as JSON, and what does not lead to it again.
QUARANTINED_ANNOTATION: Final = "revet.dev/quarantined-for"
RELEASED_ANNOTATION: Final = "revet.dev/released"
#: On a pod: the name of the database that it may reach.
DB_CLIENT_LABEL: Final = "revet.dev/db-client"


@dataclass(frozen=True, slots=True)
class Owner:
    """The object whose end is also the end of what it owns, by the garbage collector."""

    api_version: str
    kind: str
    name: str
    uid: str

    @property
    def reference(self) -> Manifest:
        """The ownerReference; every field is explicit, so that a live one equals it."""
        return {
            "apiVersion": self.api_version,
            "kind": self.kind,
            "name": self.name,
            "uid": self.uid,
            "controller": False,
            "blockOwnerDeletion": False,
        }


def render_metadata(
    name: str,
    owner: Owner | None = None,
    namespace: str = "",
    annotations: Mapping[str, str] | None = None,
) -> Manifest:
    """Write the metadata of an object of ours; without an owner it carries our label only."""
    metadata: Manifest = {"name": name, "labels": dict(MANAGED_BY)}
    if namespace:
        metadata["namespace"] = namespace
    if annotations:
        metadata["annotations"] = dict(annotations)
    if owner is not None:
        metadata["ownerReferences"] = [owner.reference]
    return metadata


def is_labelled(manifest: Manifest) -> bool:
    """Return whether an object has our label; a copy of it has, too."""
    labels: Mapping[str, str] = manifest["metadata"].get("labels") or {}
    return all(labels.get(key) == value for key, value in MANAGED_BY.items())
