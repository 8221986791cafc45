"""Verification: which images' signatures to ask for before an object is judged."""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

import msgspec

from revet.core.compiled_policy import Applied
from revet.core.coverage import covers, name_image
from revet.core.image import images, is_pinned
from revet.core.model.image_facts import Demand, ImageFacts, Resolved
from revet.core.model.pod import Pod

#: Where the webhook tells what it finds wrong with an image that runs: this, and which demand.
DOOR: Final = "/verify/"
#: How long it takes at most over that; nobody waits, but the next image.
TELLING_S: Final = 30.0


class Asked(msgspec.Struct):
    """What is asked there: an image, with its digest."""

    reference: str


def identify(demand: Demand) -> str:
    """Return what tells a demand from others in a path."""
    return sha256(demand.key.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class ToVerify:
    """An image, `NAME@DIGEST` with its canonical name, and what a policy asks of it.

    Where a rule is about tags, `reference` is what is to be looked at: it has them. `takes_old` is
    whether what was found some time ago does, where a registry gives no answer.
    """

    demand: Demand
    image: str
    reference: str
    takes_old: bool = True


def to_verify(pod: Pod, applied: Iterable[Applied], told: ImageFacts) -> list[ToVerify]:
    """Return what to verify for a pod; tags count as what a registry has just said they are."""
    found: dict[ToVerify, None] = {}
    for each in applied:
        demand = each.policy.demand
        if demand is None or not each.policy.selects_pod(pod.labels):
            continue
        for _, _, reference in images(pod):
            pinned = _pin(each, reference, told)
            if pinned and covers(demand, reference):
                found[ToVerify(demand, name_image(pinned), pinned)] = None
    return list(found)


def _pin(applied: Applied, reference: str, told: ImageFacts) -> str:
    """Return the reference with its digest; empty where it has none, and gets none."""
    if is_pinned(reference):
        return reference
    pins = applied.policy.pins
    answer = told.answer(pins, reference) if pins is not None else None
    return f"{reference}@{answer.digest}" if isinstance(answer, Resolved) else ""
