"""Which images a policy asks signatures of; apart, since facts of images know no pods."""

from revet.core.glob import matches
from revet.core.image import canonical_name, split_reference
from revet.core.model.image_facts import Demand
from revet.core.model.policy_images import Verification


def covers(demand: Demand, reference: str) -> bool:
    """Return whether anything is asked of an image, however it is named."""
    return any(is_about(each, reference) for each in demand.verifications)


def is_about(verification: Verification, reference: str) -> bool:
    """Return whether an image is among those of a verification, however it is named."""
    parts = split_reference(reference)
    name = canonical_name(reference)
    tagged = f"{name}:{parts.tag}" if parts.tag else name
    forms = {name, tagged, f"{tagged}@{parts.digest}", f"{name}@{parts.digest}"}
    return any(matches(glob, form) for glob in verification.images for form in forms)


def name_image(reference: str) -> str:
    """Return the canonical name with the digest, and no tag."""
    return f"{canonical_name(reference)}@{split_reference(reference).digest}"
