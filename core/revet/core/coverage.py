"""Which images a policy asks signatures or digests of; apart: facts of images know no pods."""

from functools import lru_cache
from typing import Final

from revet.core.glob import matches
from revet.core.image import canonical_name, host_of, is_name, is_pinned, split_reference
from revet.core.model.image_facts import Demand, RegistryAccess
from revet.core.model.policy_images import Verification

_DOCKER_HUB: Final = "docker.io"
#: Where Docker Hub answers, too.
_ALSO_DOCKER_HUB: Final = ("registry-1.docker.io", "registry.hub.docker.com")


def covers(demand: Demand, reference: str) -> bool:
    """Return whether anything is asked of an image, however it is named."""
    return any(is_about(each, reference) for each in demand.verifications)


def is_about(verification: Verification, reference: str) -> bool:
    """Return whether an image is among those of a verification, however it is named."""
    parts = split_reference(reference)
    named = canonical_name(reference)
    for name in {named, _plain(named)}:
        tagged = f"{name}:{parts.tag}" if parts.tag else name
        forms = {name, tagged, f"{tagged}@{parts.digest}", f"{name}@{parts.digest}"}
        for glob in verification.images:
            if any(matches(each, form) for each in {glob, _plain(glob)} for form in forms):
                return True
    return False


def may_ask(access: RegistryAccess, reference: str) -> bool:
    """Return whether a reference names a tag, at a registry that the policy names."""
    name = canonical_name(reference)
    is_tag = not is_pinned(reference) and "@" not in reference
    return is_tag and is_name(name) and host_of(name) in access.named


def name_image(reference: str) -> str:
    """Return the canonical name with the digest, and no tag."""
    return f"{canonical_name(reference)}@{split_reference(reference).digest}"


@lru_cache(maxsize=1024)  # the same names come over and over
def _plain(name: str) -> str:
    """Return the name by the plainest name of its host: capitals and `:443` lead to the same."""
    host, slash, path = name.partition("/")
    if not slash:
        return name
    host = host.lower().removesuffix(":443")
    if host in _ALSO_DOCKER_HUB:
        host, path = _DOCKER_HUB, path if "/" in path else f"library/{path}"
    return f"{host}/{path}"
