"""What the API server makes of a manifest: just enough of it to compare with. e2e has the real one.

It drops what is empty, and adds metadata, a status and fields of its own.
"""

from copy import deepcopy
from typing import Any


def store(manifest: dict[str, Any]) -> dict[str, Any]:
    """Return the object as it would be read back."""
    live: dict[str, Any] = _drop_empty(deepcopy(manifest))
    live["metadata"] |= {
        "uid": "e3b0c442",
        "resourceVersion": "7",
        "creationTimestamp": "2026-01-02T03:04:05Z",
        "generation": 1,
        "managedFields": [{"manager": "revet", "operation": "Apply"}],
    }
    live["metadata"].setdefault("labels", {})["example.com/theirs"] = "x"
    live["metadata"].setdefault("annotations", {})["example.com/theirs"] = "x"
    live["status"] = {"observedGeneration": 1}
    return live


def _drop_empty(value: Any) -> Any:  # noqa: ANN401 # any JSON
    if isinstance(value, dict):
        return {key: _drop_empty(each) for key, each in value.items() if each not in (None, [])}
    return [_drop_empty(each) for each in value] if isinstance(value, list) else value
