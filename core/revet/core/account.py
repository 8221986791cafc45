"""The ServiceAccount `default` of a namespace: the one field of it that a policy may have written.

Every pod that names no other runs as it, and gets its token mounted unless this field says no.
https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from revet.core.model.meta import AUTOMOUNT_ANNOTATION, FIELD_MANAGER, Manifest
from revet.core.pointer import join

NAME: Final = "default"
#: Those of all namespaces, as a field selector.
SELECTED: Final = f"metadata.name={NAME}"
FIELD: Final = "automountServiceAccountToken"
#: The only value that is worth remembering: false stays, and nothing is what comes of itself.
_WAS_TRUE: Final = "true"


@dataclass(frozen=True, slots=True)
class Account:
    """One as it stands.

    Attributes:
        namespace: where.
        uid: its own: one that was made again has another.
        automount: what the field says, None where it says nothing.
        is_ours: whether we wrote that, and nobody has since.
        was_true: whether the annotation says that the field was true before ours.
        managers: who wrote it.
        version: its resourceVersion.

    """

    namespace: str
    uid: str
    automount: bool | None
    is_ours: bool
    was_true: bool
    managers: tuple[Manifest, ...] = field(default=(), compare=False)
    version: str = field(default="", compare=False)

    @classmethod
    def of(cls, manifest: Manifest) -> Self:
        """Read a ServiceAccount."""
        metadata = manifest["metadata"]
        entries: list[Manifest] = metadata.get("managedFields") or []
        annotations: Mapping[str, str] = metadata.get("annotations") or {}
        return cls(
            metadata["namespace"],
            metadata["uid"],
            manifest.get(FIELD),
            any(_is_ours(each) for each in entries),
            annotations.get(AUTOMOUNT_ANNOTATION) == _WAS_TRUE,
            tuple({**each, "fieldsV1": {}} for each in entries),
            metadata.get("resourceVersion", ""),
        )

    @property
    def has_traces(self) -> bool:
        """Whether anything on it is ours."""
        return self.is_ours or self.was_true

    @property
    def manifest(self) -> Manifest:
        """As much of it as is compared with what should stand."""
        metadata = _metadata(self) | {"managedFields": list(self.managers)}
        said: dict[str, Any] = {} if self.automount is None else {FIELD: self.automount}
        return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata, **said}


def desired(namespace: str, uid: str = "") -> Manifest:
    """Write what should stand: our field, on the one of that uid."""
    metadata = {"name": NAME, "namespace": namespace, "uid": uid}
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata, FIELD: False}


def written(live: Account) -> Manifest:
    """Write what to apply: with what to put back one day, which the field itself won't tell."""
    manifest = desired(live.namespace, live.uid)
    if live.was_true or live.automount is True:
        manifest["metadata"]["annotations"] = {AUTOMOUNT_ANNOTATION: _WAS_TRUE}
    return manifest


def released(live: Account) -> Manifest:
    """Write what to apply so that nothing is ours: the field goes, unless it is others', too."""
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": _metadata(live)}


def put_back(live: Account) -> list[dict[str, Any]]:
    """Return the JSON patch, before the apply above, that puts back what others had written."""
    if not live.was_true:
        return []
    test = {"op": "test", "path": "/metadata/uid", "value": live.uid}
    forget = {"op": "remove", "path": join("metadata", "annotations", AUTOMOUNT_ANNOTATION)}
    back = [{"op": "add", "path": join(FIELD), "value": True}] if live.is_ours else []
    return [test, *back, forget]


def _metadata(live: Account) -> Manifest:
    return {"name": NAME, "namespace": live.namespace, "uid": live.uid}


def _is_ours(entry: Manifest) -> bool:
    """Tell whether an entry of managedFields says that an apply of ours wrote the field."""
    is_apply = entry.get("manager") == FIELD_MANAGER and entry.get("operation") == "Apply"
    return is_apply and f"f:{FIELD}" in (entry.get("fieldsV1") or {})
