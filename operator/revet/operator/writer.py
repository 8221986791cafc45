"""Writes what should stand where it does not, and keeps book of who edits it.

An edit that admits more than ours, and a delete, are undone at once however often they come; other
edits at a growing interval, never abandoned.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from http import HTTPStatus
from typing import Final, NamedTuple, Self

import msgspec

from revet.adapters.kube import KubeError
from revet.adapters.objects import Objects
from revet.core.contest import Contest, is_edited, last_manager
from revet.core.model.meta import Manifest
from revet.core.model.policy import KIND
from revet.core.plan import differs, find_extras, identify
from revet.core.widening import widens
from revet.operator.picture import Key, Picture

_REMEMBERED_S: Final = 600.0
#: What an answer of this status says where a namespace is gone, or going, or another one by now.
_GONE_WORDS: Final[Mapping[int, str]] = {
    HTTPStatus.NOT_FOUND: "",
    HTTPStatus.FORBIDDEN: "is being terminated",
    HTTPStatus.CONFLICT: "uid mismatch",
    HTTPStatus.UNPROCESSABLE_ENTITY: "metadata.uid: Invalid value",
}


@dataclass(frozen=True, slots=True)
class Drift:
    """A foreign edit that was found: when (monotonic seconds), what, and whether it goes on.

    `left` says that it stays, since the policy asks for no more than a report.
    """

    at_s: float
    text: str
    contested: bool
    left: bool = False


Place = tuple[str, str, str]


class _Written(NamedTuple):
    """What was written: its digest, and the policies that own it."""

    digest: bytes
    policies: tuple[str, ...]

    @classmethod
    def of(cls, manifest: Manifest) -> Self:
        owners = manifest["metadata"].get("ownerReferences") or ()
        policies = tuple(each["name"] for each in owners if each["kind"] == KIND)
        return cls(sha256(msgspec.json.encode(manifest, order="sorted")).digest(), policies)


class Writer:
    """Applies manifests, only where they differ from what stands."""

    def __init__(
        self,
        objects: Objects,
        picture: Picture,
        tolerated_keys: frozenset[str],
        clock: Callable[[], float],
        requeue: Callable[[Key, float], None],
        tell: Callable[[Manifest, str], None] = lambda *_: None,
    ) -> None:
        """Set up; `requeue` looks at a key again after some seconds, `clock` only rises.

        `tell` is told of each foreign edit that is undone: the object, and what was done to it.
        """
        self._objects = objects
        self._picture = picture
        self._tolerated_keys = tolerated_keys
        self._clock = clock
        self._requeue = requeue
        self._tell = tell
        #: Of what was written the digest, and the owners: whole manifests would be much to keep.
        self._written: dict[Place, _Written] = {}
        self._contests: dict[Place, Contest] = {}
        self._drifts: dict[Key, dict[Place, Drift]] = {}

    async def keep(self, desired: Manifest, key: Key, *, corrects: bool = True) -> bool:
        """See that `desired` stands; tell whether it does.

        Without `corrects` a foreign edit is told, and stays.

        Raises:
            KubeError: it could not be written.

        """
        place = identify(desired)
        live = self._picture.objects.get(place)
        if live is not None and differs(desired, live, self._tolerated_keys) is None:
            self.note_written(desired)
            return True
        edited = live is not None and is_edited(live)
        made = _Written.of(desired)
        if not self._may_write(desired, made, live, key, corrects=corrects, edited=edited):
            return False
        applied = await self._objects.apply(desired)
        # What others have added stays under server-side apply, and may let everything through.
        further = find_extras(desired, applied)
        if further:
            applied = await self._objects.patch(applied, further)
        self._picture.see_object(applied, gone=False)
        self._written[place] = made
        return True

    def note_written(self, desired: Manifest) -> None:
        """Note that `desired` stands: what differs from it later is somebody's edit."""
        self._written[identify(desired)] = _Written.of(desired)

    def may_write(
        self,
        desired: Manifest,
        live: Manifest | None,
        key: Key,
        *,
        corrects: bool = True,
        edited: bool = False,
    ) -> bool:
        """Tell whether what differs is written now: our own change is, and so is most drift.

        Without `corrects` no drift is. Whether it is drift we know of what we wrote since we
        started; of the rest by whether it was `edited` after the last write of ours.
        """
        made = _Written.of(desired)
        return self._may_write(desired, made, live, key, corrects=corrects, edited=edited)

    def _may_write(
        self,
        desired: Manifest,
        made: _Written,
        live: Manifest | None,
        key: Key,
        *,
        corrects: bool,
        edited: bool,
    ) -> bool:
        place = identify(desired)
        written = self._written.get(place)
        if written is None and edited and not corrects:
            self._written[place] = made
        elif written != made:
            return True
        if corrects:
            return self._may_correct(desired, live, key)
        self._note(desired, live, key, contested=False, left=True)
        return False

    async def prune(self, live: Manifest) -> None:
        """Delete an object that should not stand any more.

        Raises:
            KubeError: it could not be deleted.

        """
        await self._objects.delete(live)
        self._picture.forget_object(live)
        self.forget_object(live)

    def forget(self, namespace: str) -> None:
        """Forget what was written in a namespace that goes: what is gone with it was not edited."""
        for book in (self._written, self._contests):
            for place in [each for each in book if _is_of(each, namespace)]:
                del book[place]
        self._drifts.pop(Key("namespace", namespace), None)

    def forget_object(self, manifest: Manifest) -> None:
        """Forget what was written of an object: nothing of ours is to be on it any more."""
        for book in (self._written, self._contests):
            book.pop(identify(manifest), None)

    def forget_policy(self, name: str) -> None:
        """Forget what was written for a policy that is gone: it goes, and nobody has edited it."""
        for place in [each for each, made in self._written.items() if name in made.policies]:
            self._written.pop(place)
            self._contests.pop(place, None)
        self._drifts.pop(Key("policy", name), None)

    def drifts(self, key: Key) -> list[Drift]:
        """Return the edits of the last ten minutes; asks to be asked again when they are over."""
        now = self._clock()
        kept = {
            place: drift
            for place, drift in self._drifts.get(key, {}).items()
            if now - drift.at_s < _REMEMBERED_S
        }
        if not kept:
            self._drifts.pop(key, None)
        else:
            self._drifts[key] = kept
            oldest = min(drift.at_s for drift in kept.values())
            self._requeue(key, oldest + _REMEMBERED_S - now)
        return list(kept.values())

    def _may_correct(self, desired: Manifest, live: Manifest | None, key: Key) -> bool:
        """Note a foreign edit; tell whether it is undone now."""
        place = identify(desired)
        now = self._clock()
        contest = self._contests.get(place, Contest())
        urgent = live is None or widens(desired, live, self._tolerated_keys)
        wait_s = 0.0 if urgent else contest.wait(now)
        drift = self._note(desired, live, key, contested=contest.is_contested(now))
        if wait_s <= 0:
            self._contests[place] = contest.corrected(now)
            self._tell(live or desired, drift.text)
        if wait_s > 0:
            self._requeue(key, wait_s)
        return wait_s <= 0

    def _note(
        self,
        desired: Manifest,
        live: Manifest | None,
        key: Key,
        *,
        contested: bool,
        left: bool = False,
    ) -> Drift:
        drift = Drift(self._clock(), _word(desired, live), contested, left)
        self._drifts.setdefault(key, {})[identify(desired)] = drift
        return drift


def _is_of(place: Place, namespace: str) -> bool:
    return place[1] == namespace or place == ("Namespace", "", namespace)


def _word(desired: Manifest, live: Manifest | None) -> str:
    kind, namespace, name = identify(desired)
    where = f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}"
    if live is None:
        return f"{where} was deleted"
    return f"{where} was edited at {differs(desired, live)} by {last_manager(live) or 'somebody'}"


def is_gone(error: KubeError) -> bool:
    """Return whether a namespace went while we wrote into it: then there is nothing to do.

    Nor where another one has its name by now: that one is seen by itself.
    """
    said = _GONE_WORDS.get(error.status)
    return said is not None and said in str(error)
