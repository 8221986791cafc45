"""image-registry: images come from registries that the policy names.

Fields: spec.containers[*].image, spec.volumes[*].image.reference
Allowed: canonical references that begin with one of spec.images.registries
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
from revet.core.image import canonical_name, images, is_name, split_reference
from revet.core.model.pod import Pod
from revet.core.model.settings import Settings
from revet.core.model.version import KubeVersion


def _image_registry(pod: Pod, settings: Settings) -> Iterator[Finding]:
    if not settings.registries:
        return
    for pointer, container, reference in images(pod):
        name = canonical_name(reference)
        # What no runtime takes for a name can't be said to be anywhere: a/../b is not below a/.
        if not is_name(name) or not name.startswith(settings.registries):
            last = split_reference(reference).tagged.rpartition("/")[2]
            yield Finding(
                "image-registry",
                pointer,
                f"image {name} must come from {', '.join(settings.registries)}",
                container,
                Fix(f"image: {settings.registries[0]}{last}, once it is there"),
            )


CHECK = Check(
    id="image-registry",
    title="Images come from known registries",
    tier=2,
    revisions=(AdjustableRevision(KubeVersion(1, 0), _image_registry),),
    profiles=Profiles(Default.WARN, Default.ENFORCE, Default.ENFORCE),
    explanation=Explanation(
        what="Every image, of containers and of image volumes, is in a registry or below a path "
        "that spec.images.registries names. References are read as the runtime does: nginx "
        "is docker.io/library/nginx. A policy without spec.images.registries does not ask.",
        why="Whatever is pulled from anywhere runs here; an allow-list is what makes scans and "
        "signatures count.",
        fix="""\
containers:
- name: app
  image: registry.example.com/team/app:1.4""",
        breaks="Images that were never mirrored.",
    ),
    supports=(
        ("NIST 800-53 r5", "AC-6"),
        ("NIST 800-190", "4.1.5"),
    ),
)
