"""Which of the objects with our label may be ours: tenants may label theirs, as many as they like.

What can't be ours is not held, and of the rest no more than is read.
"""

from typing import Final

from revet.core.model.meta import Manifest
from revet.core.render.isolation_names import ISOLATING, NAMES, is_policys

#: Of an entry of managedFields; the rest of it is long, and says which fields.
_WHO: Final = ("manager", "operation", "subresource", "time")


def may_be_ours(manifest: Manifest) -> bool:
    """Return whether we may have written an object, by its name or by its owner."""
    if manifest["kind"] not in ISOLATING:
        return True  # what is cluster-scoped is no tenant's
    return NAMES.fullmatch(manifest["metadata"]["name"]) is not None or is_policys(manifest)


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
