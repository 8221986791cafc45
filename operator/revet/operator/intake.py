"""Lists everything that we watch, and forgets what is there no more.

A watch that has lost track lists again, and that list does not say what was deleted meanwhile.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

from revet.adapters.kube import KubeError
from revet.core.model.meta import MANAGED_SELECTOR, Manifest
from revet.core.model.policy import KIND
from revet.operator.context import Context
from revet.operator.ownership import strip
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

_SETTLE_S: Final = 0.2  # the watches list again at about the same time
_AGAIN_S: Final = 1.0
_AT_ONCE: Final = 25  # objects that are taken in before others have their turn
_EVERY_S: Final = 600.0  # kopf's list of policies, with none left, tells nobody that it was made

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
            kinds: Sequence[str] = WATCHED_KINDS
            try:
                async with asyncio.timeout(_EVERY_S):
                    await self._wanted.wait()
            except TimeoutError:
                kinds = (KIND,)
            await asyncio.sleep(_SETTLE_S)
            self._wanted.clear()
            try:
                await self.take(kinds)
            except KubeError as error:
                self._context.log.complain(f"not everything could be listed: {error}")
                self._wanted.set()
                await asyncio.sleep(_AGAIN_S)

    async def take(self, kinds: Sequence[str] = WATCHED_KINDS) -> None:
        """List everything of these kinds, and have what differs from the picture looked at.

        Raises:
            KubeError: something could not be listed.

        """
        for kind in kinds:
            await self._compare(kind)

    async def _compare(self, kind: str) -> None:
        context = self._context
        before, gone = seen(context.picture, kind), context.picture.gone
        if kind in OWN_KINDS:
            listed = await context.objects.list(kind, selector=MANAGED_SELECTOR, trim=strip)
        else:
            listed = await context.objects.list(kind)
        found = compare(context.picture, kind, before, listed, gone, self._note_odd)
        for number, touched in enumerate(found):
            context.queue.add_all(touched)
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)

    def _note_odd(self, name: str, error: Exception) -> None:
        self._context.log.fail(error, about="intake", name=name)


def see(
    picture: Picture, kind: str, manifest: Manifest, *, gone: bool, listed: bool = False
) -> set[Key]:
    """Take in an object of a kind that is watched; return what has to be looked at again."""
    match kind:
        case "HardeningPolicy":
            return picture.see_policy(manifest, gone=gone, listed=listed)
        case "Namespace":
            return picture.see_namespace(manifest, gone=gone, listed=listed)
        case _:
            return picture.see_object(manifest, gone=gone, listed=listed)


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
    picture: Picture,
    kind: str,
    before: Mapping[_Place, _Seen],
    listed: Iterable[Manifest],
    gone: Collection[str],
    note_odd: Callable[[str, Exception], None],
) -> Iterator[set[Key]]:
    """Take in all that there is of a kind, one by one; yield what has to be looked at again.

    `before` is what was seen when listing began, and `gone` the uids that were gone then: a list is
    newer than all that, whatever the versions say. `note_odd` is told of what can't be taken in.
    """
    there = {_place(manifest): manifest for manifest in listed}
    for place in before.keys() | seen(picture, kind).keys() | there.keys():
        now, manifest = _look_up(picture, kind, place), there.get(place)
        # What has been seen while listing went on is newer than the list.
        if now is not before.get(place):
            continue
        try:
            if manifest is None:
                if now is not None:
                    yield see(picture, kind, _manifest(now), gone=True)
            elif _uid(manifest) in gone or _uid(manifest) not in picture.gone:
                yield see(picture, kind, manifest, gone=False, listed=True)
        except Exception as error:  # noqa: BLE001 -- one odd object must not hide all the others
            note_odd(f"{kind} {'/'.join(place)}", error)


def _look_up(picture: Picture, kind: str, place: _Place) -> _Seen | None:
    match kind:
        case "HardeningPolicy":
            return picture.policies.get(place[1])
        case "Namespace":
            return picture.namespaces.get(place[1])
        case _:
            return picture.objects.get((kind, *place))


def _uid(manifest: Manifest) -> str:
    uid: str = manifest["metadata"].get("uid", "")
    return uid


def _place(manifest: Manifest) -> _Place:
    metadata = manifest["metadata"]
    return metadata.get("namespace", ""), metadata["name"]


def _manifest(known: _Seen) -> Manifest:
    """Return as much of an object as is needed to forget it."""
    if isinstance(known, PolicySeen):
        return known.manifest
    if isinstance(known, NamespaceSeen):
        return known.reference
    return known
