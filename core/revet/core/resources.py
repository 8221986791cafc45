"""Which containers say nothing of a resource: the question of three controls."""

from collections.abc import Iterator, Sequence
from typing import Final

from revet.core.check import Finding, Fix
from revet.core.model.pod import Pod, Resources

_NONE: Final = Resources()


def find_without(
    control: str, pod: Pod, field: str, names: Sequence[str], hint: str
) -> Iterator[Finding]:
    """Find the containers that set none of `field` (limits or requests) for one of `names`.

    What the pod sets counts for all (KEP-2837), and a limit counts as the request, as the API
    server fills it in. Ephemeral containers can have neither.
    """
    shared = pod.spec.resources or _NONE
    for pointer, container in pod.containers:
        if "ephemeralContainers" in pointer:
            continue
        own = container.resources or _NONE
        missing = [
            name for name in names if not (_has(own, field, name) or _has(shared, field, name))
        ]
        if missing:
            yield Finding(
                control,
                f"{pointer}/resources/{field}",
                f"resources.{field} has no {' and no '.join(missing)}",
                container.name,
                Fix(hint),
            )


def _has(resources: Resources, field: str, name: str) -> bool:
    limits, requests = resources.limits or {}, resources.requests or {}
    return name in limits or (field == "requests" and name in requests)
