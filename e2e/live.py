"""What stands on a control plane, read anew at each call: for conditions that tests wait for."""

import json
from typing import Any, Final

from e2e.api import wait_for
from e2e.cluster.controlplane import ControlPlane
from revet.operator.standing import validating_path

ENTRIES: Final = "validatingwebhookconfiguration/revet"
Manifest = dict[str, Any]


def names(plane: ControlPlane, *what: str) -> list[str]:
    """Return kind and name of what `kubectl get` finds."""
    return plane.kubectl("get", *what, "--ignore-not-found", "--output=name").stdout.split()


def read(plane: ControlPlane, *what: str) -> Manifest:
    """Return the object; empty where it is not there."""
    text = plane.kubectl("get", *what, "--ignore-not-found", "--output=json").stdout
    found: Manifest = json.loads(text) if text else {}
    return found


def entries(plane: ControlPlane) -> list[Manifest]:
    """Return the validating entries that stand, by name: in which order says nothing."""
    found: list[Manifest] = read(plane, ENTRIES).get("webhooks", [])
    return sorted(found, key=lambda each: str(each["name"]))


def fail_paths(plane: ControlPlane) -> set[str]:
    """Return where those of them lead to without whose answer nothing is let in."""
    standing = entries(plane)
    return {validating_path(each) for each in standing if each["failurePolicy"] == "Fail"}


def isolation(plane: ControlPlane, namespace: str) -> list[str]:
    """Return the names of the NetworkPolicies in a namespace."""
    return names(plane, "networkpolicies", f"--namespace={namespace}")


def labels(plane: ControlPlane, namespace: str) -> dict[str, str]:
    """Return a namespace's labels."""
    found: dict[str, str] = read(plane, "namespace", namespace)["metadata"].get("labels", {})
    return found


def condition(plane: ControlPlane, policy: str, kind: str) -> tuple[str, str, str]:
    """Return status, reason and message of a policy's condition; empty where there is none."""
    status = read(plane, "hardeningpolicy", policy).get("status", {})
    for each in status.get("conditions", ()):
        if each["type"] == kind:
            return each["status"], each["reason"], each["message"]
    return "", "", ""


def wait_for_conditions(plane: ControlPlane, policy: str, *kinds: str) -> None:
    """Wait until these conditions of a policy are True."""
    for kind in kinds:
        wait_for(lambda: condition(plane, policy, kind)[0] == "True", f"{policy} {kind}")  # noqa: B023
