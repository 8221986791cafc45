"""Image references: where they stand in a pod, and what they mean to a runtime.

https://github.com/distribution/reference
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from revet.core.model.pod import Pod

_DOCKER_HUB: Final = "docker.io"
_OFFICIAL: Final = "library/"
_PART: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_COMPONENT: Final = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_HOST: Final = rf"(?:{_PART}(?:\.{_PART})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
_NAME: Final = re.compile(rf"{_HOST}/{_COMPONENT}(?:/{_COMPONENT})*")
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")
#: The longest name that there can be; no more is matched.
_LONGEST: Final = 512


class ImageReference(NamedTuple):
    """A reference in parts; tag and digest are empty where there is none."""

    name: str
    tag: str
    digest: str

    @property
    def tagged(self) -> str:
        """The name and the tag, if there is one."""
        return f"{self.name}:{self.tag}" if self.tag else self.name


def images(pod: Pod) -> Iterator[tuple[str, str | None, str]]:
    """Yield (pointer, container's name, reference) of each image that a pod names."""
    for pointer, container in pod.containers:
        if container.image:
            yield f"{pointer}/image", container.name, container.image
    for index, volume in enumerate(pod.spec.volumes or ()):
        if volume.image is not None and volume.image.reference:
            yield f"/spec/volumes/{index}/image/reference", None, volume.image.reference


def is_pinned(reference: str) -> bool:
    """Return whether it has a digest that is one: no runtime starts anything by another."""
    return is_digest(reference.partition("@")[2])


def is_digest(text: str) -> bool:
    """Return whether it is a digest, of an algorithm that runtimes know."""
    return _DIGEST.fullmatch(text) is not None


def split_reference(reference: str) -> ImageReference:
    """Split NAME[:TAG][@DIGEST]; a colon before the last slash belongs to the host's port."""
    rest, _, digest = reference.partition("@")
    head, slash, last = rest.rpartition("/")
    name, _, tag = last.partition(":")
    return ImageReference(head + slash + name, tag, digest)


def with_digest(reference: str, digest: str) -> str:
    """Return the reference with that digest, and with its tag."""
    return f"{split_reference(reference).tagged}@{digest}"


def host_of(canonical: str) -> str:
    """Return the registry of a canonical name."""
    return canonical.partition("/")[0]


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


def is_name(canonical: str) -> bool:
    """Return whether a runtime would take the name: one with `..` or `@` in it is refused."""
    return len(canonical) <= _LONGEST and _NAME.fullmatch(canonical) is not None
