"""Takes NetworkPolicies away: what denies before what allows, so that nothing is cut in between."""

from collections.abc import Awaitable, Callable, Iterable
from http import HTTPStatus
from typing import Final

from revet.adapters.kube import KubeError
from revet.core.model.meta import Manifest, is_labelled
from revet.core.model.policy import KIND
from revet.core.render.isolation_names import ISOLATING, is_default_deny, is_named_for
from revet.core.render.owned import is_policys
from revet.core.status import listed
from revet.operator.context import Context
from revet.operator.lanes import run_in_lanes

_LANES: Final = 8


async def prune(
    delete: Callable[[Manifest], Awaitable[None]], stale: Iterable[Manifest]
) -> list[str]:
    """Delete objects, several at a time; return problems: one keeps no other from being deleted."""
    problems: list[str] = []

    async def try_to_delete(live: Manifest) -> None:
        try:
            await delete(live)
        except KubeError as error:
            problems.append(str(error))

    denying: list[Manifest] = []
    allowing: list[Manifest] = []
    for each in stale:
        (denying if is_default_deny(each["metadata"]["name"]) else allowing).append(each)
    await run_in_lanes(denying, try_to_delete, _LANES)
    await run_in_lanes(allowing, try_to_delete, _LANES)
    return problems


async def end_isolation(context: Context, policy: str) -> None:
    """Take away what a policy that is gone has left.

    The garbage collector does so too, one after the other in any order, which may take minutes.

    Raises:
        KubeError: something could not be deleted.

    """
    left = [
        each
        for each in context.picture.objects.values()
        if each["kind"] in ISOLATING
        and is_named_for(each["metadata"]["name"], policy)
        and _is_alone_of(each, policy)
    ]
    # One of that name may be there again: then it says what stays.
    if not left or await context.objects.get(KIND, policy) is not None:
        return

    async def delete(live: Manifest) -> None:
        try:
            await context.objects.delete_as_seen(live)
        except KubeError as error:
            # Written since: it may be meant to stay, without its owner (`--cascade=orphan`).
            if error.status != HTTPStatus.CONFLICT:
                raise

    problems = await prune(delete, left)
    if problems:
        raise KubeError(listed(problems))


def _is_alone_of(manifest: Manifest, policy: str) -> bool:
    """Tell whether an object has our label and no owner but the policy: else it stays."""
    owners: list[Manifest] = manifest["metadata"].get("ownerReferences") or []
    mine = [each for each in owners if (each.get("kind"), each.get("name")) == (KIND, policy)]
    return (
        bool(mine) and len(mine) == len(owners) and is_policys(manifest) and is_labelled(manifest)
    )
