"""Tells pods apart by their labels, since a NetworkPolicy selects by nothing else.

Which pods may reach the API server is asked of their tokens; the answer must be said in labels.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from revet.core.network.facts import Labels
from revet.core.network.records import PodRecord

#: Labels that a controller, or the API server, gives: they differ from pod to pod, or with each
#: rollout. Without them a selector holds for the pods that come next, too.
_GENERATED: Final = frozenset(
    {
        "apps.kubernetes.io/pod-index",
        "batch.kubernetes.io/controller-uid",
        "batch.kubernetes.io/job-completion-index",
        "batch.kubernetes.io/job-name",
        "controller-revision-hash",
        "controller-uid",
        "job-name",
        "pod-template-generation",
        "pod-template-hash",
        "statefulset.kubernetes.io/pod-name",
        "topology.kubernetes.io/region",
        "topology.kubernetes.io/zone",
    }
)


def tell_apart(
    wanted: Iterable[PodRecord], others: Sequence[PodRecord]
) -> tuple[tuple[Labels, ...], tuple[str, ...]]:
    """Return selectors of all `wanted` pods and none of the `others`; and which can't be selected.

    Those in words. They are left out: a selector that took another pod along would open it.
    """
    found: set[Labels] = set()
    unclear: list[str] = []
    names = {_freeze(pod.labels): pod for pod in wanted}
    for labels, pod in sorted(names.items()):
        lasting = tuple(each for each in labels if each[0] not in _GENERATED) or labels
        in_way = _first_of(others, lasting)
        if in_way is not None:
            in_way, lasting = _first_of(others, labels), labels
        if not lasting:
            unclear.append(f"Pod {pod.metadata.name} has no labels to select it by")
        elif in_way is not None:
            unclear.append(
                f"no label tells Pod {pod.metadata.name} from Pod {in_way.metadata.name}, which"
                " has no token that is bound to a role"
            )
        else:
            found.add(lasting)
    return tuple(sorted(_smallest(found))), tuple(unclear)


def _freeze(labels: Mapping[str, str]) -> Labels:
    return tuple(sorted(labels.items()))


def _first_of(pods: Sequence[PodRecord], selector: Labels) -> PodRecord | None:
    """Return a pod that a selector takes."""
    wanted = dict(selector).items()
    return next((pod for pod in pods if wanted <= pod.labels.items()), None)


def _smallest(selectors: set[Labels]) -> Iterable[Labels]:
    """Leave out selectors whose pods another one takes as well."""
    for each in selectors:
        if not any(other != each and set(other) <= set(each) for other in selectors):
            yield each
