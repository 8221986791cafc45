"""`revet controls`: the catalog as a table, or as JSON for programs."""

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

from revet.core.check import Check, Default
from revet.core.checks import ALL
from revet.core.explain import WORDS, judged_kinds
from revet.core.kinds import PODS

VERSION: Final = 1
_GAP: Final = "  "
_PODS: Final = "Pods and templates"


def select_controls(profile: str | None) -> list[Check]:
    """Return the catalog, or what of it a profile runs."""
    if profile is None:
        return list(ALL)
    return [check for check in ALL if check.profiles.of(profile) is not Default.DISABLED]


def render_table(checks: Iterable[Check], profile: str | None) -> str:
    """Return the table, with the column of one profile or those of all."""
    catalog = list(checks)
    shown = [profile] if profile else list(catalog[0].profiles._asdict())
    rows = [["CONTROL", "TIER", "JUDGES", *map(str.upper, shown), "CAN PATCH"]]
    for check in catalog:
        modes = (WORDS[check.profiles.of(each)] for each in shown)
        patch = "yes" if check.patchable else "-"
        rows.append([check.id, str(check.tier), _judged(check), *modes, patch])
    return "\n".join(_align(rows))


def render_json(checks: Iterable[Check]) -> str:
    """Return all there is to say of each control; while `version` is 1, fields are only added."""
    document = {"version": VERSION, "controls": [_describe(check) for check in checks]}
    return json.dumps(document, indent=2, ensure_ascii=False)


def _judged(check: Check) -> str:
    kinds = judged_kinds(check)
    others = [kind for kind in kinds if kind not in PODS]
    return ", ".join([_PODS, *others] if len(others) < len(kinds) else others)


def _align(rows: list[list[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
        yield _GAP.join(cells).rstrip()


def _describe(check: Check) -> dict[str, Any]:
    return {
        "id": check.id,
        "title": check.title,
        "tier": check.tier,
        "standard": check.level.value if check.level is not None else None,
        "judges": judged_kinds(check),
        "profiles": {
            name: {"mode": mode.value, "patch": patch}
            for name, (mode, patch) in (
                (name, default.value) for name, default in check.profiles._asdict().items()
            )
        },
        "patchable": check.patchable,
        "overrides": list(check.overrides),
        "settings": [{"name": each.field, "meaning": each.meaning} for each in check.parameters],
        "supports": [{"standard": name, "ids": ids} for name, ids in check.supports],
        "what": check.explanation.what,
        "why": check.explanation.why,
        "fix": check.explanation.fix,
        "breaks": check.explanation.breaks,
    }
