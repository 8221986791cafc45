"""What is made for one policy in a namespace: its name, its owner, and the annotations.

Apart, since several renderers name and sign what they make in the same way.
"""

from hashlib import sha256
from typing import Final

from revet.core.model.meta import (
    ABOUT_ANNOTATION,
    POLICY_ANNOTATION,
    SOURCE_ANNOTATION,
    Manifest,
    Owner,
    render_metadata,
)
from revet.core.model.policy import GROUP, KIND, VERSION, HardeningPolicy

#: Nobody finds a second name with the hash of a policy that stands, to take its objects' names.
HASH_LENGTH: Final = 20


def digest(name: str) -> str:
    """Return what stands for a policy's name, which may be longer than an object's has room for."""
    return sha256(name.encode()).hexdigest()[:HASH_LENGTH]


def name_of(policy: str, role: str) -> str:
    """Return the name of an object of a policy's."""
    return f"revet-{digest(policy)}-{role}"


def policy_owner(policy: HardeningPolicy) -> Owner:
    """Return the policy as the owner of what is made for it."""
    return Owner(f"{GROUP}/{VERSION}", KIND, policy.metadata.name, policy.metadata.uid)


def is_policys(manifest: Manifest) -> bool:
    """Return whether a HardeningPolicy owns an object, whichever it is."""
    owners: list[Manifest] = manifest["metadata"].get("ownerReferences") or []
    return any(
        each.get("kind") == KIND and str(each.get("apiVersion")).startswith(f"{GROUP}/")
        for each in owners
    )


def owned_metadata(
    policy: HardeningPolicy, namespace: str, role: str, source: str, about: str = ""
) -> Manifest:
    """Write the metadata of an object.

    `source` is the field of the policy that asked for it, and `about` says more, if there is more.
    """
    annotations = {POLICY_ANNOTATION: policy.metadata.name, SOURCE_ANNOTATION: source}
    if about:
        annotations[ABOUT_ANNOTATION] = about
    name = name_of(policy.metadata.name, role)
    return render_metadata(name, policy_owner(policy), namespace, annotations)
