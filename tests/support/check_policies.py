"""A policy for each of the check files, of one control each: one webhook can judge them all."""

import json
from collections.abc import Sequence
from typing import Any
from zlib import crc32

from revet.core.checks import ALL
from revet.core.compiled_policy import changes
from revet.core.model.policy import parse_policy
from revet.core.model.settings import DEFAULT_SETTINGS, Settings
from tests.support.check_files import CheckFile
from tests.support.manifests import Manifest, policy

LABEL = "judged-by"
PODS = "shop"


def policy_for(file: CheckFile) -> Manifest:
    """Write the policy that enforces the file's check, at its version, on its objects alone.

    Pods are selected by a label of theirs, other objects by their namespace; what has none is
    judged by policies for all namespaces.
    """
    controls: list[Manifest] = [
        {"id": check.id, "mode": "Disabled"} for check in ALL if check.id != file.check
    ]
    settings = file.settings
    images = {name: settings.pop(name) for name in ("registries", "verify") if name in settings}
    held = settings.pop("held", None)
    mine: Manifest = {"id": file.check, "mode": "Enforce"} | settings
    if next(check for check in ALL if check.id == file.check).patchable:
        mine["patch"] = False
    written = policy(
        _name(file),
        labels_for(file) if file.is_namespaced else {},
        enforcement="Enforce",
        profile="restricted",
        standardVersion=file.version,
        controls=[mine, *controls],
        **({"podSelector": {"matchLabels": {LABEL: _name(file)}}} if file.holds_pod else {}),
        **({"images": images} if images else {}),
        **({"runtime": {"respond": [{"action": "HoldImage"}]}} if held else {}),
    )
    # What nobody can write down with the spec: the cluster's part of it.
    return written | ({"status": {"heldImages": held}} if held else {})


def labels_for(file: CheckFile) -> dict[str, str]:
    """Return the labels of the namespaces where the file's object is judged."""
    return {"fixtures": "here" if file.holds_pod else _name(file)}


def namespace_for(file: CheckFile) -> str:
    """Return the file's namespace: the one that it names, or one of its policy's own."""
    if not file.is_namespaced:
        return ""
    named: str | None = file.manifest["metadata"].get("namespace")
    return named or (PODS if file.holds_pod else _name(file).replace(".", "-"))


def policy_for_cluster(files: Sequence[CheckFile]) -> Manifest:
    """Write the one policy that enforces the checks of these files on what has no namespace."""
    settings: dict[str, Manifest] = {}
    for file in files:
        settings.setdefault(file.check, {}).update(file.settings)
    controls: list[Manifest] = [
        {"id": check.id, "mode": "Disabled"} for check in ALL if check.id not in settings
    ]
    mine = [{"id": key, "mode": "Enforce"} | fields for key, fields in settings.items()]
    return policy("cluster", {}, enforcement="Enforce", controls=[*mine, *controls])


def settings_for(file: CheckFile) -> Settings:
    """Read what that policy sets of the file's check."""
    if not file.settings:
        return DEFAULT_SETTINGS
    read = parse_policy(json.dumps(policy_for(file)))
    held = read.status.held_images if read.status else ()
    return changes(read.spec, held)[file.check].settings


def labelled(file: CheckFile) -> Manifest:
    """Return the file's object, its pod labelled for that policy."""
    manifest = file.manifest
    if not file.holds_pod:
        return manifest
    place: Any = manifest
    for token in file.subject.prefix.split("/")[1:]:
        place = place[token]
    metadata = place.setdefault("metadata", {})
    metadata["labels"] = (metadata.get("labels") or {}) | {LABEL: _name(file)}
    return manifest


def _name(file: CheckFile) -> str:
    # One check may judge pods, other objects, and such as are in no namespace.
    sort = "" if file.holds_pod else "-items" if file.is_namespaced else "-cluster"
    name = f"{file.check}{sort}-{file.version}"
    return f"{name}-{crc32(str(file.settings).encode()):x}" if file.settings else name
