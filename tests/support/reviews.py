"""AdmissionReviews as the API server sends them, and the paths that it sends them to."""

import json
from collections.abc import Sequence
from typing import Any

from revet.core.compiled_policy import CompiledPolicy
from revet.core.model.policy import parse_policy
from tests.support.manifests import Manifest
from tests.support.standards import STANDARDS

_RESOURCES = {"v1": "pods", "apps/v1": "deployments", "batch/v1": "jobs"}


def review(
    subject: Manifest | None,
    *,
    old: Manifest | None = None,
    namespace: str = "shop",
    uid: str = "0b4a-1",
    groups: Sequence[str] = ("system:authenticated",),
    **request: object,
) -> Manifest:
    """Write a review of a CREATE, or of an UPDATE where there is an `old` object."""
    shown = subject or old or {}
    version = shown.get("apiVersion", "v1")
    group, _, number = version.rpartition("/")
    resource = {"group": group, "version": number, "resource": _RESOURCES.get(version, "pods")}
    kind = {"group": group, "version": number, "kind": shown.get("kind", "Pod")}
    return {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": uid,
            "kind": kind,
            "resource": resource,
            "requestKind": kind,
            "requestResource": resource,
            "name": shown.get("metadata", {}).get("name", ""),
            "namespace": namespace,
            "operation": "UPDATE" if old else "CREATE",
            "userInfo": {"username": "jane", "groups": list(groups)},
            "object": subject,
            "oldObject": old,
            "dryRun": False,
            "options": None,
        }
        | request,
    }


def compiled(manifest: Manifest) -> CompiledPolicy:
    """Compile a policy's manifest."""
    return CompiledPolicy.of(parse_policy(json.dumps(manifest)), STANDARDS)


def paths(manifest: Manifest) -> list[str]:
    """Return the paths of the validating entries that a policy needs, Fail ones first."""
    return [entry.path for _, entry in compiled(manifest).entries]


def messages(response: dict[str, Any]) -> str:
    """Return what a denied user reads."""
    text: str = response["status"]["message"]
    return text
