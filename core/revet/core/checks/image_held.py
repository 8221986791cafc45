"""image-held: no image is on the policy's watch list.

Fields: spec.containers[*].image, spec.volumes[*].image.reference
Allowed: a digest that status.heldImages does not list; a tag of which nobody has told the digest
"""

from collections.abc import Iterator

from revet.core.check import (
    AdjustableRevision,
    Check,
    Default,
    Explanation,
    Finding,
    Fix,
    Profiles,
)
from revet.core.image import images, split_reference
from revet.core.model.image_facts import Resolved
from revet.core.model.pod import Pod
from revet.core.model.policy_status import HeldImage
from revet.core.model.settings import Settings
from revet.core.model.version import KubeVersion

_ID = "image-held"
#: `sha256:` and twelve digits, which `revet release` takes: a warning is cut at 256 characters.
_SHORT = 19


def _image_held(pod: Pod, settings: Settings) -> Iterator[Finding]:
    if not settings.held:
        return
    held = {each.digest: each for each in settings.held}
    for pointer, container, reference in images(pod):
        found = held.get(_digest(pod, settings, reference))
        if found is not None:
            yield Finding(_ID, pointer, _describe(found), container, Fix(_hint(found)))


def _digest(pod: Pod, settings: Settings, reference: str) -> str:
    """Return the digest that an image has, or that a registry has told; empty where unknown."""
    digest = split_reference(reference).digest
    if digest or settings.pins is None:
        return digest
    answer = pod.images.answer(settings.pins, reference)
    return answer.digest if isinstance(answer, Resolved) else ""


def _describe(held: HeldImage) -> str:
    digest = held.digest[:_SHORT]
    # What was seen comes last: it may be long, and warnings are cut.
    return (
        f"image {digest} is held since {held.since:%Y-%m-%dT%H:%MZ}, until somebody who has"
        f" revet-releaser runs revet release {digest}, for {held.because}"
    )


def _hint(held: HeldImage) -> str:
    return (
        f"run another image; {held.image}@{held.digest} was held for what happened in"
        f" {held.workload}, until somebody with the verb release on this HardeningPolicy lets it go"
    )


CHECK = Check(
    id=_ID,
    title="Images are not held",
    tier=1,
    revisions=(AdjustableRevision(KubeVersion(1, 0), _image_held),),
    profiles=Profiles(Default.DISABLED, Default.DISABLED, Default.DISABLED),
    explanation=Explanation(
        what="No image is on the policy's watch list, status.heldImages. With HoldImage in "
        "spec.runtime.respond the operator puts an image there when a sensor finds something bad "
        "in a container of it; newPods says whether new pods are warned about or denied. What "
        "digest a tag stands for is known with spec.images.digest: Pin only.",
        why="What was broken into once is broken into again the same way, and what is malicious in"
        " an image is in all of its pods.",
        fix="""\
containers:
- name: app
  # one that is mended; or, if it was a false alarm: revet release DIGEST
  image: registry.example.com/team/app@sha256:...""",
        breaks="New pods of the image, also those that replace others, until it is released.",
    ),
    supports=(("NIST 800-190", "4.4.4"),),
    defaulted=True,
)
