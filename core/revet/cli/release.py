"""`revet release`: lets a pod out of quarantine, or an image go that policies hold.

For good, where the same finding is told again.
"""

import re
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Final

import typer

from revet.cli.check import options

if TYPE_CHECKING:
    from revet.adapters.objects import Objects

_BAD_INPUT: Final = 2
_MOST_ATTEMPTS: Final = 5
#: No pod's name has a colon. Of the digest twelve digits are enough, where only one begins so.
_DIGEST: Final = re.compile(r"(?:.*@)?(?P<digest>sha(?:256|512):[0-9a-f]{12,128})")


def release(
    what: Annotated[
        str, typer.Argument(metavar="POD|IMAGE", help="The pod's name, or the image's digest.")
    ],
    *,
    namespace: Annotated[
        str, typer.Option("-n", "--namespace", help="The pod's namespace; of an image none.")
    ] = "",
    kubeconfig: options.Kubeconfig = None,
) -> None:
    """Let a pod out of quarantine, or an image go; the same finding does not undo that.

    POD needs the ClusterRole revet-releaser in its namespace; an image, [NAME@]sha256:DIGEST with
    twelve digits at least, in all of them: it is let go by each policy that holds it. Ends with 2
    if it can't be done.
    """
    image = _DIGEST.fullmatch(what)
    problem = _object_to(what, namespace, is_image=image is not None)
    problem = problem or _ask(what, namespace, image["digest"] if image else "", kubeconfig)
    if problem:
        typer.echo(f"revet release: {problem}", err=True)
        raise typer.Exit(_BAD_INPUT)
    typer.echo(
        f"Pod {namespace}/{what} is out of quarantine"
        if image is None
        else f"image {image['digest']} is held no longer"
    )


def _ask(pod: str, namespace: str, digest: str, kubeconfig: options.Kubeconfig) -> str:
    """Ask the cluster, for the image where there is a digest; return why it is not done."""
    import asyncio  # noqa: PLC0415 -- as in explain

    try:
        from revet.adapters.kube import KubeError, connect  # noqa: PLC0415
    except ModuleNotFoundError as error:
        return f"needs the extra revet[operator]: {error}"
    from revet.adapters.objects import Objects  # noqa: PLC0415

    async def run() -> str:
        async with connect(options.find_kubeconfig(kubeconfig)) as kube:
            objects = Objects(kube)
            return await (let_go(objects, digest) if digest else let_out(objects, namespace, pod))

    try:
        return asyncio.run(run())
    except KubeError as error:
        return str(error)


def _object_to(what: str, namespace: str, *, is_image: bool) -> str:
    """Say what is wrong with what was asked; empty where nothing is."""
    if is_image:
        return "an image is of no namespace: leave --namespace out" if namespace else ""
    if ":" in what or "@" in what:
        return f"{what!r} is no digest, must be [NAME@]sha256:... with at least twelve digits"
    return "" if namespace else "a pod needs its --namespace"


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
            if not _may_try_again(error.status, attempt):
                raise
        else:
            break
    return ""


async def let_go(objects: "Objects", begins: str) -> str:
    """Release the image whose digest begins so; return why that is not done, empty where it is.

    Raises:
        KubeError: the API server refused, or gave no answer.

    """
    from revet.adapters.kube import KubeError  # noqa: PLC0415 -- as above
    from revet.core.runtime.held_images import find_held, release_image  # noqa: PLC0415

    for attempt in range(_MOST_ATTEMPTS):
        policies = await objects.list("HardeningPolicy")
        digests = {each for policy in policies for each in find_held(policy, begins)}
        if not digests:
            # After a part of it was done, somebody else has done the rest.
            return "" if attempt else f"no policy holds an image {begins}"
        if len(digests) > 1:
            return f"{begins} may be {' or '.join(sorted(digests))}: give more digits"
        [digest] = digests
        try:
            for policy in policies:
                if operations := release_image(policy, digest, datetime.now(UTC)):
                    await objects.patch(policy, operations, "/status")
        except KubeError as error:
            if not _may_try_again(error.status, attempt):
                raise
        else:
            break
    return ""


def _may_try_again(status: int | None, attempt: int) -> bool:
    """Tell whether somebody has changed it since it was read: what was tested for is not so."""
    is_changed = status in {HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY}
    return is_changed and attempt + 1 < _MOST_ATTEMPTS
