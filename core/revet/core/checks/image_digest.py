"""image-digest: images are named by their digest.

Fields: spec.containers[*].image, spec.volumes[*].image.reference
Allowed: NAME@sha256:...; a tag that a registry has just told a digest for becomes one
"""

from collections.abc import Iterator
from typing import NamedTuple

from revet.core.check import (
    NOT_CHECKED,
    AdjustableRevision,
    Assignment,
    Check,
    Default,
    Explanation,
    Finding,
    Fix,
    Outcome,
    Profiles,
)
from revet.core.image import canonical_name, images, is_pinned, split_reference
from revet.core.model.image_facts import Absent, Answer, RegistryAccess, Resolved, Unknown
from revet.core.model.pod import Pod
from revet.core.model.settings import Settings
from revet.core.model.version import KubeVersion


def _image_digest(pod: Pod, settings: Settings) -> Iterator[Finding]:
    for pointer, container, reference in images(pod):
        answer = pod.images.answer(settings.pins, reference) if settings.pins else None
        if is_pinned(reference):
            found = _judge_again(reference, answer)
        elif isinstance(answer, Absent | Unknown):
            found = _judge_failure(reference, answer)
        else:
            found = _judge_tag(pointer, reference, answer, settings.pins)
        if found is not None:
            yield Finding(
                "image-digest", pointer, found.message, container, found.fix, found.outcome
            )


class _Found(NamedTuple):
    """What there is to say of a reference."""

    message: str
    fix: Fix | None = None
    outcome: Outcome = Outcome.FAIL


def _judge_tag(
    pointer: str, reference: str, answer: Resolved | None, pins: RegistryAccess | None
) -> _Found:
    image = split_reference(reference)
    told = f"has {image.digest} for a digest" if image.digest else "has no digest"
    message = f"image {reference} {told}, must be NAME@sha256:..."
    if answer is not None:
        pinned = f"{reference}@{answer.digest}"
        return _Found(message, Fix(f"image: {pinned}", (Assignment(pointer, pinned, reference),)))
    host = canonical_name(reference).partition("/")[0]
    if pins is not None and not image.digest and host not in pins.named:
        message += f"; {host} is not asked for it, since spec.images names no such registry"
    return _Found(
        message, Fix(f"image: {image.tagged}@DIGEST, as `crane digest {image.tagged}` prints it")
    )


def _judge_failure(reference: str, answer: Absent | Unknown) -> _Found:
    if isinstance(answer, Absent):
        return _Found(f"image {reference} is not there: {answer.reason}")
    return _Found(
        f"{NOT_CHECKED}needs the digest of image {reference}; {answer.reason}",
        outcome=Outcome.UNKNOWN,
    )


def _judge_again(reference: str, answer: Answer | None) -> _Found | None:
    """Hold what was pinned a moment ago to what the registry says now."""
    match answer:
        case None:
            return None
        case Resolved(digest) if digest == split_reference(reference).digest:
            return None
        case Resolved(digest):
            tagged = split_reference(reference).tagged
            return _Found(
                f"image {reference} was pinned a moment ago, and now {tagged} is {digest}",
                Fix("try again: the tag was moved while this was admitted"),
            )
        case _:
            return _judge_failure(reference, answer)


CHECK = Check(
    id="image-digest",
    title="Images are pinned",
    tier=2,
    revisions=(AdjustableRevision(KubeVersion(1, 0), _image_digest),),
    profiles=Profiles(Default.AUDIT, Default.WARN, Default.ENFORCE),
    explanation=Explanation(
        what="Every image carries the digest of what is meant. With spec.images.digest: Pin a tag "
        "is looked up at its registry, and Pods get the digest patched in.",
        why="A tag can be moved, by mistake or by whoever holds the registry; a digest is the "
        "image.",
        fix="""\
containers:
- name: app
  image: registry.example.com/team/app:1.4@sha256:...""",
        breaks="Deployments by tag; let the pipeline write digests.",
    ),
    supports=(("NIST 800-190", "4.2.2"),),
)
