"""Which of the objects with our label may be ours: tenants may label theirs, as many as they like.

What can't be ours is not held, and of the rest no more than is read.
"""

from typing import Any, Final

import msgspec

from revet.core.bounds import KINDS as BOUNDS
from revet.core.model.meta import Manifest
from revet.core.render.bounds import NAMES as BOUNDS_NAMES
from revet.core.render.isolation_names import ISOLATING, NAMES
from revet.core.render.owned import is_policys

_ALIKE: Final = ("labels", "annotations", "ownerReferences")
_MOST_KNOWN: Final = 10_000
#: Of an entry of managedFields; the rest of it is long, and says which fields.
_WHO: Final = ("manager", "operation", "subresource", "time")
#: How what is namespaced is named.
_NAMES: Final = {
    **dict.fromkeys(ISOLATING, NAMES),
    **dict.fromkeys(BOUNDS, BOUNDS_NAMES),
}


def may_be_ours(manifest: Manifest) -> bool:
    """Return whether we may have written an object, by its name or by its owner."""
    names = _NAMES.get(manifest["kind"])
    if names is None:
        return True  # what is cluster-scoped is no tenant's
    return names.fullmatch(manifest["metadata"]["name"]) is not None or is_policys(manifest)


def list_owners(manifest: Manifest) -> set[str]:
    """Return the uids of an object's owners."""
    return {each["uid"] for each in manifest["metadata"].get("ownerReferences") or ()}


def strip(manifest: Manifest) -> Manifest:
    """Return an object without the list of who wrote which fields: only who wrote it, and when."""
    metadata = dict(manifest["metadata"])
    if "managedFields" in metadata:
        metadata["managedFields"] = [
            {key: each[key] for key in _WHO if key in each}
            for each in metadata["managedFields"] or ()
        ]
    return {**manifest, "metadata": metadata}


class Sharing:
    """Keeps equal parts of many objects once: those of one policy differ in their namespace only.

    Nobody may change what was shared.
    """

    def __init__(self) -> None:
        """Start empty."""
        self._known: dict[bytes, Any] = {}

    def share(self, manifest: Manifest) -> Manifest:
        """Return an equal object, of parts that others have too where there are such."""
        metadata = manifest["metadata"]
        parts = {key: self._part(metadata[key]) for key in _ALIKE if key in metadata}
        spec = {"spec": self._part(manifest["spec"])} if "spec" in manifest else {}
        return {**manifest, **spec, "metadata": {**metadata, **parts}}

    def _part(self, value: Any) -> Any:  # noqa: ANN401 -- a JSON value
        if len(self._known) > _MOST_KNOWN:
            self._known.clear()
        return self._known.setdefault(msgspec.json.encode(value), value)
