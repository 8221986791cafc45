"""Pinning: what to ask of registries before an object is judged, and what was pinned just now.

What a mutating call has pinned is written down on the Pod, so that the validating one, perhaps in
another replica, asks once more. The note makes us stricter only: whoever forges it gains nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from revet.core.check import Assignment
from revet.core.compiled_policy import Applied
from revet.core.coverage import may_ask
from revet.core.image import images, split_reference
from revet.core.model.image_facts import (
    NOT_ASKED,
    Answer,
    Demand,
    Fault,
    ImageFacts,
    RegistryAccess,
    Resolved,
)
from revet.core.model.meta import PINNED_ANNOTATION
from revet.core.model.mode import Mode
from revet.core.model.pod import Pod
from revet.core.pointer import join

#: How long a note counts: a review takes seconds, and a Pod may be made again from its own text.
RECENT_S: Final = 60.0
#: Where a pod that runs may still get an image that nobody has pinned.
EPHEMERAL: Final = "/spec/ephemeralContainers/"
_ANNOTATION: Final = join("metadata", "annotations", PINNED_ANNOTATION)
_LONGEST_NOTE: Final = 64 * 1024
_SOME_DIGEST: Final = Resolved(f"sha256:{'0' * 64}")


@dataclass(frozen=True, slots=True)
class Question:
    """What a reference stands for, under one policy's access; `pinned` is what it was a moment ago.

    The reference is as it is written; the one in the annotation has a digest.
    """

    access: RegistryAccess
    reference: str
    pinned: str = ""

    @property
    def tagged(self) -> str:
        """The reference without a digest."""
        return self.reference.partition("@")[0]


class Assumed(ImageFacts):
    """Answers as if every registry that may be asked had told a digest.

    For those who want to know what pinning would leave, and ask nobody. What is known besides,
    `beside` tells.
    """

    def __init__(self, beside: ImageFacts = NOT_ASKED) -> None:
        self._beside = beside

    def answer(self, access: RegistryAccess, reference: str) -> Answer | None:
        """Return some digest for what would be asked."""
        return _SOME_DIGEST if may_ask(access, reference) else None

    def faults(self, demand: Demand, image: str) -> tuple[Fault, ...] | None:
        """Return what is known of an image."""
        return self._beside.faults(demand, image)

    def running(self, pointer: str) -> str | None:
        """Return the digest that runs."""
        return self._beside.running(pointer)


def questions(
    pod: Pod,
    applied: Iterable[Applied],
    now: float,
    *,
    has_been_pinned: bool,
    below: str = "",
) -> list[Question]:
    """Return what to ask for a pod: nothing, where no policy pins or everything has its digest.

    Under an Audit or Warn ceiling nothing is pinned, so nobody is asked. `has_been_pinned` says
    that the mutating call is over: what it pinned at `now` or just before is asked again. Only
    images `below` that pointer count.
    """
    accesses = {
        each.policy.pins.key: each.policy.pins
        for each in applied
        if each.policy.pins is not None
        and each.ceiling is Mode.ENFORCE
        and each.policy.selects_pod(pod.labels)
    }
    if not accesses:
        return []
    recent = recently_pinned(pod, now) if has_been_pinned else frozenset[str]()
    found: dict[Question, None] = {}
    for pointer, _, reference in images(pod):
        if not pointer.startswith(below):
            continue
        for access in accesses.values():
            if reference in recent and may_ask(access, reference.partition("@")[0]):
                found[Question(access, reference, split_reference(reference).digest)] = None
            elif may_ask(access, reference):
                found[Question(access, reference)] = None
    return list(found)


def recently_pinned(pod: Pod, now: float) -> frozenset[str]:
    """Return the references that a mutating call says to have pinned just before `now`."""
    time, _, references = pod.annotations.get(PINNED_ANNOTATION, "").partition(" ")
    # Nineteen digits: whoever writes more means no time.
    if not time.isdecimal() or len(time) > 19 or abs(now - int(time)) > RECENT_S:  # noqa: PLR2004
        return frozenset()
    return frozenset(references.split(" "))


def note(pod: Pod, pinned: Sequence[str], now: float) -> list[Assignment]:
    """Return what writes down on a Pod that these references were pinned at `now`."""
    known = recently_pinned(pod, now)
    text = " ".join([str(int(now)), *sorted({*known, *pinned})])
    if len(text) > _LONGEST_NOTE:
        return []
    return [Assignment(_ANNOTATION, text, pod.annotations.get(PINNED_ANNOTATION))]
