"""A policy for each of the check files, of one control each: one webhook can judge them all."""

import json
from typing import Any
from zlib import crc32

from revet.core.checks import ALL
from revet.core.compiled_policy import changes
from revet.core.model.policy import parse_policy
from revet.core.model.settings import DEFAULT_SETTINGS, Settings
from tests.support.check_files import CheckFile
from tests.support.manifests import Manifest, policy

LABEL = "judged-by"


def policy_for(file: CheckFile) -> Manifest:
    """Write the policy that enforces the file's check, at its version, on pods so labelled."""
    controls: list[Manifest] = [
        {"id": check.id, "mode": "Disabled"} for check in ALL if check.id != file.check
    ]
    settings = file.settings
    registries = settings.pop("registries", None)
    mine: Manifest = {"id": file.check, "mode": "Enforce"} | settings
    if next(check for check in ALL if check.id == file.check).patchable:
        mine["patch"] = False
    return policy(
        _name(file),
        {"fixtures": "here"},
        enforcement="Enforce",
        profile="restricted",
        standardVersion=file.version,
        podSelector={"matchLabels": {LABEL: _name(file)}},
        controls=[mine, *controls],
        **({"images": {"registries": registries}} if registries else {}),
    )


def settings_for(file: CheckFile) -> Settings:
    """Read what that policy sets of the file's check."""
    if not file.settings:
        return DEFAULT_SETTINGS
    return changes(parse_policy(json.dumps(policy_for(file))).spec)[file.check].settings


def labelled(file: CheckFile) -> Manifest:
    """Return the file's object with its pod labelled for that policy."""
    manifest = file.manifest
    place: Any = manifest
    for token in file.subject.prefix.split("/")[1:]:
        place = place[token]
    metadata = place.setdefault("metadata", {})
    metadata["labels"] = (metadata.get("labels") or {}) | {LABEL: _name(file)}
    return manifest


def _name(file: CheckFile) -> str:
    name = f"{file.check}-{file.version}"
    return f"{name}-{crc32(str(file.settings).encode()):x}" if file.settings else name
