"""A CRD newer than our processes: it lets in a policy that they can't read.

So it is after a downgrade, or while an upgrade is under way. No other door is known: what our own
schema and rules let in, the model reads.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from e2e.api import wait_for
from e2e.cluster.controlplane import ControlPlane
from e2e.live import read

#: A version of the Pod Security Standards that we have not heard of.
UNKNOWN_VERSION: Final = "v1.99"
_CRD: Final = "customresourcedefinition/hardeningpolicies.revet.dev"
_SPEC: Final = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties"
_PATTERN: Final = f"{_SPEC}/standardVersion/pattern"
_ANY_VERSION: Final = r"^(latest|v1\.[0-9]+)$"


@contextmanager
def newer_schema(plane: ControlPlane, probe: dict[str, Any]) -> Iterator[None]:
    """Have the API server take UNKNOWN_VERSION, until it is over.

    `probe` is a policy that has it. Such policies must be gone by the end.
    """
    found: Any = read(plane, _CRD)
    for step in _PATTERN.split("/")[1:]:
        found = found[int(step) if step.isdecimal() else step]
    _set_pattern(plane, _ANY_VERSION)
    try:
        dry = ("create", "--dry-run=server", "--filename=-")
        text = json.dumps(probe)
        wait_for(
            lambda: not plane.kubectl(*dry, input=text, check=False).returncode,
            "the newer schema served",
        )
        yield
    finally:
        _set_pattern(plane, found)


def _set_pattern(plane: ControlPlane, pattern: str) -> None:
    patch = [{"op": "replace", "path": _PATTERN, "value": pattern}]
    plane.kubectl("patch", _CRD, "--type=json", f"--patch={json.dumps(patch)}")
