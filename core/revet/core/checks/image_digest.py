"""image-digest: images are named by their digest.

Fields: spec.containers[*].image, spec.volumes[*].image.reference
Allowed: NAME@sha256:...
"""

from collections.abc import Iterator

from revet.core.check import (
    Check,
    Default,
    Explanation,
    Finding,
    Fix,
    Profiles,
    Revision,
)
from revet.core.image import images, is_pinned, split_reference
from revet.core.model.pod import Pod
from revet.core.model.version import KubeVersion


def _image_digest(pod: Pod) -> Iterator[Finding]:
    for pointer, container, reference in images(pod):
        if not is_pinned(reference):
            image = split_reference(reference)
            told = f"has {image.digest} for a digest" if image.digest else "has no digest"
            yield Finding(
                "image-digest",
                pointer,
                f"image {reference} {told}, must be NAME@sha256:...",
                container,
                Fix(f"image: {image.tagged}@DIGEST, as `crane digest {image.tagged}` prints it"),
            )


CHECK = Check(
    id="image-digest",
    title="Images are pinned",
    tier=2,
    revisions=(Revision(KubeVersion(1, 0), _image_digest),),
    profiles=Profiles(Default.AUDIT, Default.WARN, Default.ENFORCE),
    explanation=Explanation(
        what="Every image carries the digest of what is meant.",
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
