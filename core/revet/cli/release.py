"""`revet release`: lets a pod out of quarantine, for good where the same finding is told again."""

from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Final

import typer

from revet.cli.check import options

if TYPE_CHECKING:
    from revet.adapters.objects import Objects

_BAD_INPUT: Final = 2
_MOST_ATTEMPTS: Final = 5


def release(
    pod: Annotated[str, typer.Argument(metavar="POD", help="The pod's name.")],
    *,
    namespace: Annotated[str, typer.Option("-n", "--namespace", help="The pod's namespace.")],
    kubeconfig: options.Kubeconfig = None,
) -> None:
    """Let a pod out of quarantine; the same finding does not put it there again.

    It needs the ClusterRole revet-releaser in the namespace. Ends with 2 if it can't be done.
    """
    import asyncio  # noqa: PLC0415 -- as in explain

    try:
        from revet.adapters.kube import KubeError, connect  # noqa: PLC0415
    except ModuleNotFoundError as error:
        typer.echo(f"revet release: needs the extra revet[operator]: {error}", err=True)
        raise typer.Exit(_BAD_INPUT) from error
    from revet.adapters.objects import Objects  # noqa: PLC0415

    async def run() -> str:
        async with connect(options.find_kubeconfig(kubeconfig)) as kube:
            return await let_out(Objects(kube), namespace, pod)

    try:
        problem = asyncio.run(run())
    except KubeError as error:
        problem = str(error)
    if problem:
        typer.echo(f"revet release: {problem}", err=True)
        raise typer.Exit(_BAD_INPUT)
    typer.echo(f"Pod {namespace}/{pod} is out of quarantine")


async def let_out(objects: "Objects", namespace: str, name: str) -> str:
    """Take the label from a pod; return why that is not done, empty where it is.

    Raises:
        KubeError: the API server refused, or gave no answer.

    """
    from revet.adapters.kube import KubeError  # noqa: PLC0415 -- as above
    from revet.core.model.meta import QUARANTINE_LABEL  # noqa: PLC0415
    from revet.core.runtime.quarantine import release as write_release  # noqa: PLC0415

    for attempt in range(_MOST_ATTEMPTS):
        found = await objects.get("Pod", name, namespace)
        if found is None:
            return f"there is no Pod {namespace}/{name}"
        if QUARANTINE_LABEL not in (found["metadata"].get("labels") or {}):
            return f"Pod {namespace}/{name} is not in quarantine"
        said = {"apiVersion": "v1", "kind": "Pod", **found}
        try:
            await objects.patch(said, write_release(found, datetime.now(UTC)))
        except KubeError as error:
            # Somebody has changed it since it was read: what is tested for is not so any more.
            is_changed = error.status in {HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY}
            if not is_changed or attempt + 1 == _MOST_ATTEMPTS:
                raise
        else:
            break
    return ""
