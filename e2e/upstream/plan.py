"""What stands in for a level of Pod Security: a policy of its controls alone, and two probes."""

from collections.abc import Sequence
from typing import Any, Final

from revet.core.check import Level
from revet.core.checks import ALL

_CONTAINER: Final = {"name": "app", "image": "registry.example/app:1"}
_REFUSED: Final = {"containers": [_CONTAINER], "hostNetwork": True}
#: Refused in every version of restricted unless it is patched, and then admitted.
_PATCHABLE: Final = {"containers": [_CONTAINER], "securityContext": {"runAsUser": 10001}}
_GOOD: Final = {
    "containers": [
        {
            **_CONTAINER,
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
            },
        }
    ],
    "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
}


def render_plan(*, patch: bool, minors: Sequence[int] = ()) -> dict[str, Any]:
    """Write the plan that the program reads; without `minors` it is for all versions."""
    levels = {
        level.value: {
            "spec": {
                "profile": level.value,
                "enforcement": "Enforce",
                "templates": "Warn",
                "controls": _controls(level, patch=patch),
            },
            "refused": _REFUSED,
            "admitted": _PATCHABLE if patch else _GOOD,
        }
        for level in Level
    }
    return {"levels": levels, "minors": [str(minor) for minor in minors]}


def _controls(level: Level, *, patch: bool) -> list[dict[str, Any]]:
    """Switch off what the level does not ask for, and patches where none are wanted."""
    asked = {Level.BASELINE, level}
    changes: list[dict[str, Any]] = []
    for check in ALL:
        if check.level not in asked:
            changes.append({"id": check.id, "mode": "Disabled"})
        elif check.patchable and not patch:
            changes.append({"id": check.id, "patch": False})
    return changes
