"""The request that everything is measured with: one AdmissionReview, and its pod."""

import json
from pathlib import Path
from typing import Any

NAMESPACE = "prod"
"""The one in the file."""
_REVIEW = Path(__file__).parent / "review-ok.json"


def read_review(namespace: str = NAMESPACE) -> bytes:
    """Read the AdmissionReview, compact as the API server sends it, of a pod in a namespace."""
    review = _load()
    review["request"]["namespace"] = namespace
    review["request"]["object"]["metadata"]["namespace"] = namespace
    return _compact(review)


def read_pod() -> bytes:
    """Read its pod as a user would create it: what the API server adds is left out."""
    pod = _load()["request"]["object"]
    pod["metadata"] = {"generateName": "web-", "labels": pod["metadata"]["labels"]}
    del pod["spec"]["serviceAccountName"]  # The namespace's default one will do.
    return _compact(pod)


def _load() -> dict[str, Any]:
    review: dict[str, Any] = json.loads(_REVIEW.read_bytes())
    return review


def _compact(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
