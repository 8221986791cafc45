"""Which containers say nothing of a resource: the question of three controls."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from revet.core.check import Finding, Fix
from revet.core.model.container import Resources
from revet.core.model.pod import Pod

_ZERO: Final = re.compile(r"[+-]?[0.]*([a-zA-Z].*)?")
#: What a quantity that is not zero mostly begins with; a set, as the empty text is in no set.
_DIGITS: Final = frozenset("123456789")
_NOTHING: Final[Mapping[str, str | float | None]] = {}


def find_without(
    control: str, pod: Pod, field: str, names: Sequence[str], hint: str
) -> Iterator[Finding]:
    """Find the containers that set none of `field` (limits or requests) for one of `names`.

    What the pod sets counts for all (KEP-2837), and a limit counts as the request, as the API
    server fills it in. Zero counts as nothing: to the kernel it is no limit. Ephemeral containers
    can have neither.
    """
    shared = _set(pod.spec.resources, field)
    for pointer, container in pod.containers:
        if "ephemeralContainers" in pointer:
            continue
        own = _set(container.resources, field)
        missing = [
            f"{name} but 0" if name in own else name
            for name in names
            if not (_is_more_than_zero(own.get(name)) or _is_more_than_zero(shared.get(name)))
        ]
        if missing:
            yield Finding(
                control,
                f"{pointer}/resources/{field}",
                f"resources.{field} has no {' and no '.join(missing)}",
                container.name,
                Fix(hint),
            )


def _set(resources: Resources | None, field: str) -> Mapping[str, str | float | None]:
    if resources is None:
        return _NOTHING
    limits, requests = resources.limits or _NOTHING, resources.requests or _NOTHING
    return limits if field == "limits" else {**limits, **requests}


def _is_more_than_zero(quantity: str | float | None) -> bool:
    """Tell of a quantity as the API server reads it: null is zero, as `0`, `0Mi` and `0e3` are."""
    if not isinstance(quantity, str):
        return bool(quantity)
    return quantity[:1] in _DIGITS or not _ZERO.fullmatch(quantity)
