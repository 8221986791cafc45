"""Everything that a policy can ask for, standing in nearly all namespaces, for tests of outages."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from e2e.api import Api
from e2e.cluster.controlplane import ControlPlane
from e2e.release import Release
from tests.support.manifests import Manifest, policy

NAME: Final = "everything"
EVERYTHING: Final[Manifest] = {
    "enforcement": "Enforce",
    "network": {"mode": "Enforce"},
    "namespaces": {"mode": "Enforce", "podSecurity": {"enforce": "restricted"}},
}
CONDITIONS: Final = ("Ready", "Enforcing", "NetworkIsolated", "BaselineApplied")


@dataclass(frozen=True)
class Site:
    """Where the tests look: a namespace in which everything is enforced, and one outside."""

    release: Release
    api: Api
    inside: str
    outside: str
    doomed: str

    @property
    def plane(self) -> ControlPlane:
        """The control plane."""
        return self.release.plane


@contextmanager
def in_force(release: Release, selector: Manifest) -> Iterator[None]:
    """Have both of ours write everything that a policy can ask for; at the end it is taken back."""
    asked = policy(NAME, {}, **EVERYTHING)
    asked["spec"]["namespaceSelector"] = selector
    try:
        release.start()
        release.plane.apply(asked)
        for condition in CONDITIONS:
            wait = ("wait", f"hardeningpolicy/{NAME}", f"--for=condition={condition}")
            release.plane.kubectl(*wait, "--timeout=60s")
        yield
    finally:
        release.stop()
        revet = str(Path(sys.executable).parent / "revet")
        kubeconfig = f"--kubeconfig={release.plane.kubeconfig}"
        subprocess.run((revet, "cleanup", "--yes", kubeconfig), check=True, capture_output=True)


def read(plane: ControlPlane, *what: str) -> dict[str, Any]:
    """Read an object, or a list; empty if there is none."""
    get = ("get", *what, "--ignore-not-found", "--output=json")
    found: dict[str, Any] = json.loads(plane.kubectl(*get).stdout or "{}")
    return found


def uids(plane: ControlPlane, *what: str) -> set[str]:
    """Read the uids of an object, or of a list."""
    found = read(plane, *what)
    return {each["metadata"]["uid"] for each in found.get("items", [found] if found else [])}
