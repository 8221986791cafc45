"""A policy for each of the check files, of one control each: one webhook can judge them all."""

from typing import Any

from revet.core.checks import ALL
from tests.support.check_files import CheckFile
from tests.support.manifests import Manifest, policy

LABEL = "judged-by"


def policy_for(file: CheckFile) -> Manifest:
    """Write the policy that enforces the file's check, at its version, on pods so labelled."""
    controls: list[Manifest] = [
        {"id": check.id, "mode": "Disabled"} for check in ALL if check.id != file.check
    ]
    mine: Manifest = {"id": file.check, "mode": "Enforce"}
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
    )


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
    return f"{file.check}-{file.version}"
