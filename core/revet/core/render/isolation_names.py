"""How the objects that isolate a policy's pods are named."""

import re
from hashlib import sha256
from typing import Final

from revet.core.render.owned import HASH_LENGTH, digest

#: What stands for what is told apart within one policy's objects.
_SHORT_HASH_LENGTH: Final = 10
_SHORT: Final = rf"[0-9a-f]{{{_SHORT_HASH_LENGTH}}}"
_END: Final = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?-(from-[0-9]+|to)"
_ROLES: Final = (
    "isolate",
    "quarantine",
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
NAMES: Final = re.compile(rf"revet-[0-9a-f]{{{HASH_LENGTH}}}-({'|'.join(_ROLES)})")


def shorten(text: str) -> str:
    """Return what stands for a text in a role, where there may be no room for it."""
    return sha256(text.encode()).hexdigest()[:_SHORT_HASH_LENGTH]


def is_named_for(name: str, policy: str) -> bool:
    """Return whether an object has a name that is one of this policy's alone."""
    found = NAMES.fullmatch(name)
    return found is not None and name.split("-")[1] == digest(policy)
