"""What runs of a pod, by the digests that its node tells, and what was found out about that.

Admission knows only what is asked for; a tag may have been moved since, or never been looked up.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import msgspec

from revet.core.compiled_policy import Applied
from revet.core.coverage import covers, name_image
from revet.core.image import images, is_pinned, with_digest
from revet.core.model.image_facts import Demand, Fault, ImageFacts
from revet.core.model.pod import Pod
from revet.core.verification import ToVerify

#: `sha256:...` alone is the id of a configuration, by which no registry knows the image.
_TOLD: Final = re.compile(r"[^@\s]+@(sha256:[0-9a-f]{64})")


class _Container(msgspec.Struct, omit_defaults=True):
    name: str | None = None
    image_id: str | None = msgspec.field(name="imageID", default=None)


class _Status(msgspec.Struct, rename="camel", omit_defaults=True):
    init_container_statuses: list[_Container] | None = None
    container_statuses: list[_Container] | None = None
    ephemeral_container_statuses: list[_Container] | None = None


class _Object(msgspec.Struct):
    status: _Status | None = None


#: What is known of some images: by the key of who asks, and `NAME@DIGEST`.
Faults = Mapping[tuple[str, str], tuple[Fault, ...]]


def trim_status(status: bytes | msgspec.Raw) -> bytes:
    """Return of a Pod's status what tells which images run; empty where nothing does."""
    read = msgspec.json.decode(status, type=_Status | None) or _Status()
    kept = _Status(*(_trim(each) for each in _lists(read)))
    text = msgspec.json.encode(kept)
    return b"" if text == b"{}" else text


def find_running(pod: Pod, document: bytes | msgspec.Raw) -> dict[str, str]:
    """Return by which digest each image runs that has none in the spec, by its JSON pointer.

    Empty where its node does not tell, as of volumes none does.
    """
    status = msgspec.json.decode(document, type=_Object).status or _Status()
    told = {
        each.name: match[1]
        for several in _lists(status)
        for each in several or ()
        if (match := _TOLD.fullmatch(each.image_id or "")) is not None
    }
    return {
        pointer: told.get(container, "")
        for pointer, container, reference in images(pod)
        if not is_pinned(reference)
    }


def list_running(
    pod: Pod, applied: Iterable[Applied], running: Mapping[str, str]
) -> Iterator[tuple[str, ToVerify]]:
    """Yield what is to be verified of a pod that runs, each with the policy that asks for it."""
    for each in applied:
        demand = each.policy.demand
        if demand is None or not each.policy.selects_pod(pod.labels):
            continue
        for pointer, _, reference in images(pod):
            digest = running.get(pointer)
            if digest == "" or not covers(demand, reference):
                continue
            pinned = reference if digest is None else with_digest(reference, digest)
            yield each.policy.name, ToVerify(demand, name_image(pinned), pinned, takes_old=False)


class Running(ImageFacts):
    """What is known of the images of a pod that runs."""

    def __init__(self, digests: Mapping[str, str], faults: Faults) -> None:
        """Take digests by the image's pointer, and what is wrong with what runs."""
        self._digests = digests
        self._faults = faults

    def faults(self, demand: Demand, image: str) -> tuple[Fault, ...] | None:
        """Return what is wrong with an image."""
        return self._faults.get((demand.key, image))

    def running(self, pointer: str) -> str | None:
        """Return the digest that its node tells."""
        return self._digests.get(pointer)


def _lists(status: _Status) -> tuple[list[_Container] | None, ...]:
    return (
        status.init_container_statuses,
        status.container_statuses,
        status.ephemeral_container_statuses,
    )


def _trim(containers: list[_Container] | None) -> list[_Container] | None:
    told = (each for each in containers or () if _TOLD.fullmatch(each.image_id or ""))
    return list(told) or None
