"""Image references: where they stand in a pod, and what they mean to a runtime.

https://github.com/distribution/reference
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from revet.core.model.pod import Pod

_DOCKER_HUB: Final = "docker.io"
_OFFICIAL: Final = "library/"


class ImageReference(NamedTuple):
    """A reference in parts; tag and digest are empty where there is none."""

    name: str
    tag: str
    digest: str


def images(pod: Pod) -> Iterator[tuple[str, str | None, str]]:
    """Yield (pointer, container's name, reference) of each image that a pod names."""
    for pointer, container in pod.containers:
        if container.image:
            yield f"{pointer}/image", container.name, container.image
    for index, volume in enumerate(pod.spec.volumes or ()):
        if volume.image is not None and volume.image.reference:
            yield f"/spec/volumes/{index}/image/reference", None, volume.image.reference


def split_reference(reference: str) -> ImageReference:
    """Split NAME[:TAG][@DIGEST]; a colon before the last slash belongs to the host's port."""
    rest, _, digest = reference.partition("@")
    head, slash, last = rest.rpartition("/")
    name, _, tag = last.partition(":")
    return ImageReference(head + slash + name, tag, digest)


def canonical_name(reference: str) -> str:
    """Return the name as a runtime completes it: `nginx` is `docker.io/library/nginx`."""
    name = split_reference(reference).name
    host, slash, path = name.partition("/")
    # Only what looks like a host is one: it has a dot or a port, is localhost, or has capitals.
    if not slash or not ("." in host or ":" in host or host == "localhost" or host != host.lower()):
        host, path = _DOCKER_HUB, name
    if host == "index.docker.io":
        host = _DOCKER_HUB
    if host == _DOCKER_HUB and "/" not in path:
        path = _OFFICIAL + path
    return f"{host}/{path}"
