"""What fits: etcd takes objects of 1.5 MiB, and the API server expressions of 100 000 characters.

All policies share one configuration and one guard; without a bound one of them could fill it, and
none of the others would be written any more.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from typing import Final

from revet.core.model.meta import Manifest
from revet.operator.standing import validating_path

#: In JSON. The rest is for a second authority in each entry, and for who wrote which field.
MOST_BYTES: Final = 1024 * 1024
#: Of all keys, with their quotes and commas.
MOST_CHARACTERS: Final = 64 * 1024


def find_crowded(
    manifests: Iterable[Manifest], stands: Mapping[str, Collection[str]]
) -> frozenset[str]:
    """Return the paths of the entries that there is no room for; what `stands` always fits.

    By path: an entry of updates without that of what is new would be of no use, nor the reverse.
    """
    crowded: set[str] = set()
    for manifest in manifests:
        names = stands[manifest["kind"]]
        sizes: dict[str, int] = {}
        standing: set[str] = set()
        for entry in manifest["webhooks"]:
            path = validating_path(entry)
            sizes[path] = sizes.get(path, 0) + len(json.dumps(entry))
            if entry["name"] in names:
                standing.add(path)
        crowded |= _overflow(sizes, standing, MOST_BYTES)
    return frozenset(crowded)


def without(manifests: Mapping[str, Manifest], paths: Collection[str]) -> dict[str, Manifest]:
    """Return the configurations without the entries of these paths; an empty one is left out."""
    left = {
        kind: {
            **manifest,
            "webhooks": [
                each for each in manifest["webhooks"] if validating_path(each) not in paths
            ],
        }
        for kind, manifest in manifests.items()
    }
    return {kind: manifest for kind, manifest in left.items() if manifest["webhooks"]}


def find_crowded_keys(keys: Iterable[str], standing: Collection[str]) -> frozenset[str]:
    """Return the label keys that a guard has no room for; those that it guards always fit."""
    sizes = {key: len(f"'{key}', ") for key in sorted(keys)}
    return _overflow(sizes, standing, MOST_CHARACTERS)


def _overflow(sizes: Mapping[str, int], standing: Collection[str], most: int) -> frozenset[str]:
    """Return what does not fit: what stands comes first, and what is small is not kept out."""
    room = most - sum(size for name, size in sizes.items() if name in standing)
    over: set[str] = set()
    for name, size in sizes.items():
        if name in standing:
            continue
        if size <= room:
            room -= size
        else:
            over.add(name)
    return frozenset(over)
