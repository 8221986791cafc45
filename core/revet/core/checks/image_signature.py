"""image-signature: images are signed, and attested, as the policy asks.

Fields: spec.containers[*].image, spec.volumes[*].image.reference
Allowed: NAME@sha256:... with what spec.images.verify asks of it; any image that it is not about
"""

from collections.abc import Iterator

from revet.core.check import (
    NOT_CHECKED,
    AdjustableRevision,
    Check,
    Default,
    Explanation,
    Finding,
    Fix,
    Outcome,
    Profiles,
)
from revet.core.coverage import covers, may_ask, name_image
from revet.core.image import images, is_pinned, split_reference, with_digest
from revet.core.model.image_facts import Demand
from revet.core.model.pod import Pod
from revet.core.model.settings import Settings
from revet.core.model.version import KubeVersion

_ID = "image-signature"


def _image_signature(pod: Pod, settings: Settings) -> Iterator[Finding]:
    demand = settings.demand
    if demand is None:
        return
    for pointer, container, reference in images(pod):
        if not covers(demand, reference):
            continue
        running = pod.images.running(pointer)
        tagged = split_reference(reference).tagged
        # What a policy would pin first it would not refuse for its tag; what runs tells more.
        is_pinned_first = settings.pins is not None and may_ask(settings.pins, reference)
        if not is_pinned(reference) and (running is None or not is_pinned_first):
            # A tag can be moved before the pull: what was verified would not be what runs.
            message = f"image {reference} must be signed, and has no digest that could be"
            hint = f"image: {tagged}@sha256:..., or spec.images.digest: Pin in the policy"
            yield Finding(_ID, pointer, message, container, Fix(hint))
        elif running == "":
            text = f"{NOT_CHECKED}image {tagged}: its node does not tell by which digest it runs"
            yield Finding(_ID, pointer, text, container, None, _UNKNOWN)
        if running:
            yield from _judge(pod, demand, with_digest(reference, running), pointer, container)
        elif running is None and is_pinned(reference):
            yield from _judge(pod, demand, reference, pointer, container)


def _judge(
    pod: Pod, demand: Demand, reference: str, pointer: str, container: str | None
) -> Iterator[Finding]:
    faults = pod.images.faults(demand, name_image(reference))
    if faults is None:
        needs = f"the registry of image {reference}, which is asked at admission"
        yield Finding(_ID, pointer, f"{NOT_CHECKED}needs {needs}", container, None, _UNKNOWN)
    for fault in faults or ():
        text = f"image {reference}: {fault.text}"
        if fault.is_unknown:
            yield Finding(_ID, pointer, f"{NOT_CHECKED}{text}", container, None, _UNKNOWN)
        else:
            hint = f"revet verify {reference} -p POLICY --explain tells what was found"
            yield Finding(_ID, pointer, text, container, Fix(hint))


_UNKNOWN = Outcome.UNKNOWN

CHECK = Check(
    id=_ID,
    title="Images are signed",
    tier=2,
    revisions=(AdjustableRevision(KubeVersion(1, 0), _image_signature),),
    profiles=Profiles(Default.AUDIT, Default.WARN, Default.ENFORCE),
    explanation=Explanation(
        what="Images that spec.images.verify is about have the signatures and attestations that it "
        "asks for, by the signers that it names. Without spec.images.verify nothing is asked.",
        why="Whoever can push to a registry can put anything there; only a signature says that it "
        "came out of your pipeline.",
        fix="""\
containers:
- name: app
  # cosign sign --key cosign.key registry.example.com/team/app@sha256:...
  image: registry.example.com/team/app@sha256:...""",
        breaks="Images that nobody signs yet; begin with Warn.",
    ),
    supports=(("NIST 800-190", "4.1.5"), ("CIS 2.0", "5.5.1")),
)
