"""image-no-latest: images name a tag other than latest, or a digest.

Fields: spec.containers[*].image, spec.volumes[*].image.reference
Allowed: NAME:TAG with a tag other than latest, NAME@DIGEST
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


def _image_no_latest(pod: Pod) -> Iterator[Finding]:
    for pointer, container, reference in images(pod):
        if is_pinned(reference):
            continue
        image = split_reference(reference)
        if image.tag in {"", "latest"}:
            told = "no tag" if not image.tag else "the tag latest"
            yield Finding(
                "image-no-latest",
                pointer,
                f"image {reference} has {told}, must have a version or a digest",
                container,
                Fix(f"image: {image.name}:VERSION"),
            )


CHECK = Check(
    id="image-no-latest",
    title="Images have a version",
    tier=2,
    revisions=(Revision(KubeVersion(1, 0), _image_no_latest),),
    profiles=Profiles(Default.WARN, Default.ENFORCE, Default.ENFORCE),
    explanation=Explanation(
        what="Every image names a tag other than latest, or a digest.",
        why="latest is another program tomorrow, and on another node: nobody can say what runs, "
        "or go back.",
        fix="""\
containers:
- name: app
  image: registry.example.com/team/app:1.4""",
        breaks="Development set-ups that rely on latest.",
    ),
    supports=(("NIST 800-190", "4.2.2"),),
)
