"""Puts back a namespace's Pod Security labels, as they were before ours.

By a JSON patch, not by server-side apply: what is put back must not be ours any more, or the next
apply would take it away.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, Final, cast

from revet.core.model.meta import POD_SECURITY_ANNOTATION, Manifest
from revet.core.model.policy_namespaces import Level
from revet.core.pointer import join
from revet.core.render.baseline import LABELS, Before, pod_security, rewritten

_LABELS: Final = ("metadata", "labels")
#: What we write is shorter by far; whoever wrote more does not get it read.
_LONGEST: Final = 4096
_VERSION: Final = re.compile(r"latest|v1\.(0|[1-9][0-9]{0,3})")


def read_before(namespace: Manifest) -> dict[str, str | None]:
    """Return which labels are ours, and what stood there before; nothing if nobody can tell."""
    annotations: Mapping[str, str] = namespace["metadata"].get("annotations") or {}
    text = annotations.get(POD_SECURITY_ANNOTATION, "{}")
    if len(text) > _LONGEST:
        return {}
    try:
        read: Any = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(read, dict):
        return {}
    before = cast("dict[str, object]", read)
    # Where no guard stands anybody who may edit the namespace may write the annotation: of other
    # labels it says nothing, and nothing that the API server would refuse to have put back.
    return {
        key: value
        for key, value in before.items()
        if key in LABELS
        and (value is None or (isinstance(value, str) and _is_possible(key, value)))
    }


def _is_possible(key: str, value: str) -> bool:
    """Return whether Pod Security takes the value: else no namespace ever had it."""
    if key.endswith("-version"):
        return _VERSION.fullmatch(value) is not None
    return value in tuple(Level)


def put_back(labels_now: Mapping[str, str], restore: Before) -> list[dict[str, Any]]:
    """Return the JSON patch that writes what `restore` says; None removes a label that is there."""
    operations: list[dict[str, Any]] = []
    for key, value in sorted(restore.items()):
        path = join(*_LABELS, key)
        if value is not None:
            operations.append({"op": "add", "path": path, "value": value})
        elif key in labels_now:
            operations.append({"op": "remove", "path": path})
    return operations


def forget() -> Manifest:
    """Return the operation that removes the annotation, which has to be there."""
    return {"op": "remove", "path": join("metadata", "annotations", POD_SECURITY_ANNOTATION)}


def restoration(namespace: Manifest) -> list[dict[str, Any]]:
    """Return the JSON patch after which nothing of ours is on a namespace.

    What others have written since stays. It fails if the namespace has changed meanwhile.
    """
    metadata: dict[str, Any] = namespace["metadata"]
    labels: Mapping[str, str] = metadata.get("labels") or {}
    before = read_before(namespace)
    baseline = pod_security([], labels, before, rewritten(namespace, before))
    version = {"op": "test", "path": "/metadata/resourceVersion"}
    return [
        version | {"value": metadata["resourceVersion"]},
        *put_back(labels, baseline.restore),
        forget(),
    ]
