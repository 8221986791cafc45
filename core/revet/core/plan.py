"""What to write and what to remove: desired manifests against live objects, field by field."""

import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final, TypeGuard, cast

from revet.core import bounds
from revet.core.model.meta import Manifest, is_labelled
from revet.core.pointer import join

#: What the API server or others fill in; nothing of it is compared.
_NOT_OURS: Final = frozenset({"apiVersion", "kind", "metadata", "status"})
#: A label selector is replaced as a whole by an apply (structType: atomic).
_ATOMIC: Final = "Selector"


def find_stale(
    desired: Iterable[Manifest], owned: Iterable[Manifest], owner_uid: str
) -> list[Manifest]:
    """Return the live objects in `owned` that are to go: those that are not in `desired`.

    Only what carries our label and names the owner of that uid is ever removed: a manifest that
    somebody has copied keeps our label, and with another owner or none it is theirs.
    """
    wanted = {identify(each) for each in desired}
    return [each for each in owned if identify(each) not in wanted and is_ours(each, owner_uid)]


def identify(manifest: Manifest) -> tuple[str, str, str]:
    """Return kind, namespace and name: what tells objects apart, whatever their version."""
    metadata = manifest["metadata"]
    return manifest["kind"], metadata.get("namespace", ""), metadata["name"]


def is_ours(live: Manifest, owner_uid: str) -> bool:
    """Return whether an object has our label and the owner of that uid."""
    owners: list[Manifest] = live["metadata"].get("ownerReferences") or []
    return is_labelled(live) and any(each.get("uid") == owner_uid for each in owners)


def differs(desired: Manifest, live: Manifest, tolerated_keys: Collection[str] = ()) -> str | None:
    """Return the first place where a live object is not as desired, or None.

    Of the metadata only what we write counts; everything else must be as it is in `desired`, but
    for terms of a webhook entry's namespaceSelector on `tolerated_keys`, which clouds add.
    """
    place = _find_in_metadata(desired["metadata"], live["metadata"])
    if place is not None:
        return place
    ours, theirs = _own_fields(desired), _own_fields(live)
    return _find_in_fields(ours, theirs, sorted(ours.keys() | theirs.keys()), "", tolerated_keys)


def find_extras(desired: Manifest, live: Manifest) -> list[Manifest]:
    """Return the JSON Patch that removes what an apply cannot: fields and items that others added.

    Server-side apply leaves alone what another manager owns, such as a further matchCondition that
    lets everything through. Empty if there is nothing; it fails if the object has changed since.
    """
    found = _walk_extras(_own_fields(desired), _own_fields(live), "")
    removals = [{"op": "remove", "path": each} for each in found]
    if not removals:
        return []
    version = live["metadata"]["resourceVersion"]
    return [{"op": "test", "path": "/metadata/resourceVersion", "value": version}, *removals]


def has_same_terms(desired: Manifest, live: Manifest, tolerated_keys: Collection[str]) -> bool:
    """Return whether a selector has all of our terms, and beside them only tolerated ones."""
    ours, theirs = _terms(desired), _terms(live)
    further = {key for term, key in theirs.items() if term not in ours}
    return ours.keys() <= theirs.keys() and further <= set(tolerated_keys)


def index_by_name(items: object) -> dict[str, Manifest] | None:
    """Return the items of a list map by their names; None for any other list."""
    if not _is_list(items) or not items:
        return None
    named = {each["name"]: each for each in items if _is_map(each) and "name" in each}
    return named if len(named) == len(items) else None


def _own_fields(manifest: Manifest) -> Manifest:
    if manifest.get("kind") == "Namespace":  # of others; we write labels and an annotation
        return {}
    own = {key: value for key, value in manifest.items() if key not in _NOT_OURS}
    if manifest.get("kind") in bounds.KINDS:  # what the API server stores is written otherwise
        own["spec"] = bounds.comparable(manifest["kind"], own.get("spec") or {})
    return own


def _find_in_metadata(desired: Manifest, live: Manifest) -> str | None:
    for part in ("labels", "annotations"):
        there: Mapping[str, str] = live.get(part) or {}
        wanted: Mapping[str, str] = desired.get(part) or {}
        for key, value in wanted.items():
            if there.get(key) != value:
                return f"metadata.{part}[{key}]"
    owners: list[Manifest] = live.get("ownerReferences") or []
    for owner in desired.get("ownerReferences", ()):
        if owner not in owners:
            return f"metadata.ownerReferences[{owner['name']}]"
    return None


def _find_in_fields(
    desired: Manifest, live: Manifest, fields: Iterable[str], place: str, tolerated: Collection[str]
) -> str | None:
    for field in fields:
        ours, theirs = desired.get(field), live.get(field)
        below = f"{place}.{field}" if place else field
        if field == "namespaceSelector" and place.startswith("webhooks["):
            found = None if has_same_terms(ours or {}, theirs or {}, tolerated) else below
        else:
            found = _find(ours, theirs, below, tolerated)
        if found is not None:
            return found
    return None


def _find(ours: object, theirs: object, place: str, tolerated: Collection[str]) -> str | None:
    if _is_absent(ours) and _is_absent(theirs):
        return None
    if _is_map(ours) and _is_map(theirs):
        fields = sorted(ours.keys() | theirs.keys())
        return _find_in_fields(ours, theirs, fields, place, tolerated)
    if _is_list(ours) and _is_list(theirs):
        return _find_in_items(ours, theirs, place, tolerated)
    return None if ours == theirs else place


def _find_in_items(
    ours: list[Any], theirs: list[Any], place: str, tolerated: Collection[str]
) -> str | None:
    named, live = index_by_name(ours), index_by_name(theirs)
    if named is not None and live is not None:
        pairs = [(name, named.get(name), live.get(name)) for name in {**named, **live}]
    elif len(ours) == len(theirs):
        pairs = [(str(at), *pair) for at, pair in enumerate(zip(ours, theirs, strict=True))]
    else:
        return place
    for key, one, other in pairs:
        found = _find(one, other, f"{place}[{key}]", tolerated)
        if found is not None:
            return found
    return None


def _walk_extras(desired: object, live: object, pointer: str) -> list[str]:
    """Return pointers to what is only live: those of inner things first, last items first."""
    if _is_map(desired) and _is_map(live):
        inner = [
            path
            for key in sorted(desired.keys() & live.keys())
            if not key.endswith(_ATOMIC)
            for path in _walk_extras(desired[key], live[key], pointer + join(key))
        ]
        further = sorted(live.keys() - desired.keys())
        return inner + [pointer + join(key) for key in further if not _is_absent(live[key])]
    if desired == [] and not _is_absent(live):
        return [pointer]  # an apply of no items takes away none of what others added
    named, found = index_by_name(desired), index_by_name(live)
    if named is None or found is None:
        return []  # an atomic list, which an apply replaces
    places = {name: f"{pointer}/{index}" for index, name in enumerate(found)}
    inner = [
        path
        for name in found
        if name in named
        for path in _walk_extras(named[name], found[name], places[name])
    ]
    return inner + [places[name] for name in reversed(found) if name not in named]


def _terms(selector: Manifest) -> dict[str, str]:
    """Return the terms of a selector as texts, each with its key."""
    labels: Mapping[str, str] = selector.get("matchLabels") or {}
    terms = {json.dumps([key, value]): key for key, value in labels.items()}
    for each in selector.get("matchExpressions") or ():
        values = sorted(each.get("values") or ())
        terms[json.dumps([each["key"], each["operator"], values])] = each["key"]
    return terms


def _is_absent(value: object) -> bool:
    """Return whether the API server would leave it out: an empty map may say something."""
    return value is None or value == []


def _is_map(value: object) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict)


def _is_list(value: object) -> TypeGuard[list[Any]]:
    return isinstance(cast("Any", value), list)
