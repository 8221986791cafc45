"""What a kustomization refers to: those files are parts, not to be judged by themselves."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from revet.cli.load.places import TextError
from revet.cli.load.text import read_text

NAMES: Final = frozenset({"kustomization.yaml", "kustomization.yml", "Kustomization"})
_LISTS: Final = (
    *("resources", "bases", "components", "crds", "configurations"),
    *("generators", "transformers", "validators", "patchesStrategicMerge"),
)
_OBJECTS: Final = {
    "patches": ("path",),
    "patchesJson6902": ("path",),
    "replacements": ("path",),
    "configMapGenerator": ("files", "env", "envs"),
    "secretGenerator": ("files", "env", "envs"),
    "helmCharts": ("valuesFile", "additionalValuesFiles"),
}


def list_references(folder: Path) -> set[str]:
    """Return the real paths of the files and folders that a folder's kustomization refers to.

    None where it cannot be read: kustomize will tell why.
    """
    named = (folder / name for name in _list_names(_read(folder)))
    return {os.path.realpath(path) for path in named if os.path.exists(path)}  # noqa: PTH110 -- a path may be too long


def is_component(folder: Path) -> bool:
    """Say whether it is made for other kustomizations only."""
    return _read(folder).get("kind") == "Component"


def _read(folder: Path) -> dict[str, Any]:
    for name in sorted(NAMES):
        try:
            found = next(read_text((folder / name).read_bytes()), None)
        except OSError:
            continue
        if found is not None and not isinstance(found, TextError) and isinstance(found.value, dict):
            return found.value
    return {}


def _list_names(value: dict[str, Any]) -> Iterator[str]:
    for key in _LISTS:
        yield from _texts(value.get(key))
    for key, fields in _OBJECTS.items():
        for each in _list_objects(value.get(key)):
            for field in fields:
                # `files` may give a file another name: `app.yaml=deploy/app.yaml`.
                yield from (text.rpartition("=")[2] for text in _texts(each.get(field)))
    for each in _list_objects([value.get("openapi")]):
        yield from _texts(each.get("path"))


def _texts(value: object) -> list[str]:
    """Return a text, or a list's texts, that can be paths."""
    texts = value if isinstance(value, list) else [value]
    return [each for each in texts if isinstance(each, str) and "\n" not in each and each]


def _list_objects(value: object) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
