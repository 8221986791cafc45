"""ResourceQuotas and LimitRanges by what they say: quantities by value, defaults filled in.

Apart, since the plan compares ours with what stands by it, and the operator and the webhook ask
whether somebody else's already says the same.
https://kubernetes.io/docs/concepts/policy/resource-quotas/
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from revet.core.model.meta import Manifest
from revet.core.quantity import read_quantity

QUOTA: Final = "ResourceQuota"
LIMITS: Final = "LimitRange"
KINDS: Final = (QUOTA, LIMITS)

_CONTAINER: Final = "Container"
_MAPS: Final = ("max", "min", "default", "defaultRequest", "maxLimitRequestRatio")
#: One thing that is bounded: under which scopes, or of which type and by which field; of what.
_Bound = tuple[str, str, str]


def comparable(kind: str, spec: Mapping[str, Any]) -> Manifest:
    """Return a spec in a form that is equal where two of them say the same."""
    return _quota(spec) if kind == QUOTA else {"limits": [*map(_item, spec.get("limits") or ())]}


def covers(kind: str, theirs: Iterable[Mapping[str, Any]], ours: Mapping[str, Any]) -> bool:
    """Return whether specs of others bound all that ours would, be it more or less strictly."""
    bounds = _quota_bounds if kind == QUOTA else _limit_bounds
    said = {bound for each in theirs for bound in bounds(comparable(kind, each))}
    return set(bounds(comparable(kind, ours))) <= said


def _quota(spec: Mapping[str, Any]) -> Manifest:
    selector: Mapping[str, Any] = spec.get("scopeSelector") or {}
    terms = [
        {**each, "values": sorted(each.get("values") or ())}
        for each in selector.get("matchExpressions") or ()
    ]
    made: Manifest = {"hard": _by_value(spec.get("hard"))}
    if spec.get("scopes"):
        made["scopes"] = sorted(spec["scopes"])
    if terms:
        made["scopeSelector"] = {"matchExpressions": terms}
    return made


def _item(item: Mapping[str, Any]) -> Manifest:
    """Fill in what the API server does (SetDefaults_LimitRangeItem)."""
    maps = {name: _by_value(item.get(name)) for name in _MAPS}
    if item.get("type") == _CONTAINER:
        maps["default"] = maps["max"] | maps["default"]
        maps["defaultRequest"] = maps["min"] | maps["default"] | maps["defaultRequest"]
    return {"type": item.get("type", ""), **{name: each for name, each in maps.items() if each}}


def _by_value(resources: Mapping[str, Any] | None) -> dict[str, str]:
    return {name: _value(each) for name, each in (resources or {}).items()}


def _value(quantity: str | float) -> str:
    value = read_quantity(quantity)
    return str(quantity if value is None else value)


def _quota_bounds(spec: Mapping[str, Any]) -> Iterator[_Bound]:
    where = str((spec.get("scopes"), spec.get("scopeSelector")))
    return ((where, "hard", resource) for resource in spec["hard"])


def _limit_bounds(spec: Mapping[str, Any]) -> Iterator[_Bound]:
    for item in spec["limits"]:
        for name in _MAPS:
            yield from ((item["type"], name, resource) for resource in item.get(name, ()))
