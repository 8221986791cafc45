"""Lists everything that we watch, and forgets what is there no more.

A watch that has lost track lists again, and that list does not say what was deleted meanwhile.
"""

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Final

from revet.adapters.kube import KubeError
from revet.core.model.meta import MANAGED_BY, Manifest
from revet.operator.context import Context
from revet.operator.picture import Key, NamespaceSeen, Picture, PolicySeen

#: Our own objects that are watched; Secrets are read when they are needed.
OWN_KINDS: Final = (
    "NetworkPolicy",
    "ValidatingWebhookConfiguration",
    "MutatingWebhookConfiguration",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
)
WATCHED_KINDS: Final = ("Namespace", "HardeningPolicy", *OWN_KINDS)
MANAGED: Final = ",".join(f"{key}={value}" for key, value in MANAGED_BY.items())

_SETTLE_S: Final = 0.2  # the watches list again at about the same time
_AGAIN_S: Final = 1.0
_EVERY_S: Final = 600.0  # a list of a kind that has nothing left tells nobody that it was made

_Place = tuple[str, str]
_Seen = PolicySeen | NamespaceSeen | Manifest


class Intake:
    """Holds the picture against what is there."""

    def __init__(self, context: Context) -> None:
        """Set up; nothing is listed yet."""
        self._context = context
        self._wanted = asyncio.Event()

    def want(self) -> None:
        """Have everything listed soon: something may have gone unseen."""
        self._wanted.set()

    async def run(self) -> None:
        """List whenever it is wanted, and now and then, until cancelled."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_EVERY_S):
                    await self._wanted.wait()
            await asyncio.sleep(_SETTLE_S)
            self._wanted.clear()
            try:
                await self.take()
            except KubeError as error:
                self._context.log.complain(f"not everything could be listed: {error}")
                self._wanted.set()
                await asyncio.sleep(_AGAIN_S)

    async def take(self) -> None:
        """List everything, and have what differs from the picture looked at.

        Raises:
            KubeError: something could not be listed.

        """
        for kind in WATCHED_KINDS:
            await self._compare(kind)

    async def _compare(self, kind: str) -> None:
        context = self._context
        before = seen(context.picture, kind)
        selector = MANAGED if kind in OWN_KINDS else ""
        listed = await context.objects.list(kind, selector=selector)
        context.queue.add_all(compare(context.picture, kind, before, listed))


def see(picture: Picture, kind: str, manifest: Manifest, *, gone: bool) -> set[Key]:
    """Take in an object of a kind that is watched; return what has to be looked at again."""
    match kind:
        case "HardeningPolicy":
            return picture.see_policy(manifest, gone=gone)
        case "Namespace":
            return picture.see_namespace(manifest, gone=gone)
        case _:
            return picture.see_object(manifest, gone=gone)


def seen(picture: Picture, kind: str) -> dict[_Place, _Seen]:
    """Return what was seen of a kind, by namespace and name."""
    match kind:
        case "HardeningPolicy":
            return {("", name): each for name, each in picture.policies.items()}
        case "Namespace":
            return {("", name): each for name, each in picture.namespaces.items()}
        case _:
            return {
                (namespace, name): manifest
                for (each, namespace, name), manifest in picture.objects.items()
                if each == kind
            }


def compare(
    picture: Picture, kind: str, before: Mapping[_Place, _Seen], listed: Iterable[Manifest]
) -> set[Key]:
    """Take in all that there is of a kind; `before` is what was seen when listing began."""
    there = {_place(manifest): manifest for manifest in listed}
    now = seen(picture, kind)
    touched: set[Key] = set()
    for place in before.keys() | now.keys() | there.keys():
        # What has been seen while listing went on is newer than the list.
        if now.get(place) is not before.get(place):
            continue
        gone = place not in there
        manifest = _manifest(now[place]) if gone else there[place]
        touched |= see(picture, kind, manifest, gone=gone)
    return touched


def _place(manifest: Manifest) -> _Place:
    metadata = manifest["metadata"]
    return metadata.get("namespace", ""), metadata["name"]


def _manifest(known: _Seen) -> Manifest:
    """Return as much of an object as is needed to forget it."""
    if isinstance(known, PolicySeen):
        return known.manifest
    if isinstance(known, NamespaceSeen):
        return {"metadata": {"name": known.name, "uid": known.uid}}
    return known
