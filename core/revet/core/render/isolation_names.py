"""How the objects that isolate a policy's pods are named, and whose they are."""

import re
from hashlib import sha256
from typing import Final

from revet.core.model.meta import Manifest, Owner
from revet.core.model.policy import GROUP, KIND, VERSION, HardeningPolicy

#: Nobody finds a second name with the hash of a policy that stands, to take its objects' names.
_HASH_LENGTH: Final = 20
#: The same of what is told apart within one policy's objects.
_SHORT_HASH_LENGTH: Final = 10
_SHORT: Final = rf"[0-9a-f]{{{_SHORT_HASH_LENGTH}}}"
_END: Final = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?-(from-[0-9]+|to)"
_ROLES: Final = (
    "isolate",
    "dns",
    "same-namespace(-to-[0-9]+)?",
    f"api-server(-{_SHORT})?",
    f"called-{_SHORT}",
    rf"exposed-{_SHORT}(-[0-9]+)?",
    "monitoring-(from-[0-9]+|to)",
    f"(flow|database)-{_END}",
)
#: The kinds of what isolates; the second one only where Cilium is.
ISOLATING: Final = ("NetworkPolicy", "CiliumNetworkPolicy")
#: How all of them are named.
NAMES: Final = re.compile(rf"revet-[0-9a-f]{{{_HASH_LENGTH}}}-({'|'.join(_ROLES)})")


def name_of(policy: str, role: str) -> str:
    """Return the name of an object of a policy's."""
    return f"revet-{_digest(policy)}-{role}"


def shorten(text: str) -> str:
    """Return what stands for a text in a role, where there may be no room for it."""
    return sha256(text.encode()).hexdigest()[:_SHORT_HASH_LENGTH]


def is_named_for(name: str, policy: str) -> bool:
    """Return whether an object has a name that is one of this policy's alone."""
    found = NAMES.fullmatch(name)
    return found is not None and name.split("-")[1] == _digest(policy)


def is_policys(manifest: Manifest) -> bool:
    """Return whether a HardeningPolicy owns an object, whichever it is."""
    owners: list[Manifest] = manifest["metadata"].get("ownerReferences") or []
    return any(
        each.get("kind") == KIND and str(each.get("apiVersion")).startswith(f"{GROUP}/")
        for each in owners
    )


def policy_owner(policy: HardeningPolicy) -> Owner:
    """Return the policy as the owner of what is made for it."""
    return Owner(f"{GROUP}/{VERSION}", KIND, policy.metadata.name, policy.metadata.uid)


def _digest(name: str) -> str:
    """Return what stands for a policy's name, which may be longer than an object's has room for."""
    return sha256(name.encode()).hexdigest()[:_HASH_LENGTH]
